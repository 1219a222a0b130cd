"""A tracer that watches a small model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from pytest_ftcheck.training.tracer import Tracer
from tests.training.traced import PAD, Model

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def model() -> Model:
    torch.manual_seed(0)
    return Model()


@pytest.fixture
def tracer(model: Model) -> Iterator[Tracer]:
    tracer = Tracer(PAD)
    with tracer.watching():
        tracer.watch(model)
        yield tracer
