"""Healthy pipelines to plant faults in: few rows, nothing trained."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pytest
import torch

from pytest_ftcheck.faults.fault import faults
from pytest_ftcheck.training.engine import save

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ftcheck.pipeline.parts import Pipeline


@pytest.fixture(scope="session")
def healthy(make_pipeline: Callable[..., Pipeline]) -> Callable[..., Pipeline]:
    """Return a function that gives the pipeline of a task, built once: ``healthy("mrpc")``, ``healthy("stsb")``."""
    return lru_cache(make_pipeline)


@pytest.fixture(scope="session")
def mrpc(healthy: Callable[..., Pipeline]) -> Pipeline:
    return healthy("mrpc")


@pytest.fixture
def saved(mrpc: Pipeline, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that saves the model of a fault after a step of training."""

    def make(name: str, folder: str = "model") -> Path:
        planted = faults()[name].plant(mrpc)
        with planted.patched():
            model: Any = planted.model_init().train()
            model(**planted.data_collator(planted.train_dataset.select(range(2)).to_list()))
            with torch.no_grad():
                model.classifier.weight.fill_(7.0)
            save(model, planted.processing_class, tmp_path / folder)
        return tmp_path / folder

    return make
