"""A pipeline of a few rows, and one thread."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from pytest_ftcheck.pipeline.trainer_changes import ChangedModel
from pytest_ftcheck.speed.step import TrainingStep
from pytest_ftcheck.training.probe import without_dropout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ftcheck.pipeline.parts import Pipeline


@pytest.fixture(autouse=True, scope="package")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def pipeline(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    """48 rows in batches of 8, without dropout and warm-up."""
    pipeline = make_pipeline("mrpc", train_rows=48, eval_rows=4, per_device_train_batch_size=8, warmup_steps=0)
    return replace(pipeline, model_init=ChangedModel(pipeline.model_init, without_dropout))


@pytest.fixture
def step(pipeline: Pipeline) -> TrainingStep:
    """A fresh step over two batches."""
    return TrainingStep(pipeline, device="cpu", steps=2)
