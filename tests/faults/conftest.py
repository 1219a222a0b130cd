"""Healthy pipelines to plant faults in: few rows, nothing trained."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline


@pytest.fixture(scope="session")
def healthy(make_pipeline: Callable[..., Pipeline]) -> Callable[..., Pipeline]:
    """Return a function that gives the pipeline of a task, built once: ``healthy("mrpc")``, ``healthy("stsb")``."""
    return lru_cache(make_pipeline)


@pytest.fixture(scope="session")
def mrpc(healthy: Callable[..., Pipeline]) -> Pipeline:
    return healthy("mrpc")
