"""How long a training goes on: over its rows, and not stopped while it gets better."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from transformers import EarlyStoppingCallback, Trainer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

    Judged = Callable[..., list[Finding]]
    Toy = Callable[..., Pipeline]
    Traced = Callable[..., Evidence]

WORSE = ({"epoch": 1, "loss": 0.69, "accuracy": 0.5}, {"epoch": 2, "loss": 0.6, "accuracy": 0.5})


def cut(traced: Traced, rows: int) -> Evidence:
    """A run whose only epoch draws so many of the 64 rows."""
    first = traced().run.trace.passes[0]
    few = replace(first, rows=first.rows[:rows], labels=first.labels[:rows], batch_sizes=(rows,))
    return traced(passes=(few,))


def test_whole_epochs_are_healthy(judged: Judged, traced: Traced) -> None:
    assert judged("training.extent", traced()) == judged("training.extent", cut(traced, 60)) == []


@pytest.mark.parametrize(("rows", "level"), [(8, "fail"), (24, "fail"), (32, "warn")])
def test_a_part_of_an_epoch_is_found(judged: Judged, traced: Traced, rows: int, level: str) -> None:
    (finding,) = judged("training.extent", cut(traced, rows))
    assert finding.level == level
    assert finding.expected.startswith("all 64 train rows")
    assert finding.observed == f"only {rows} rows were drawn in only 32 optimizer steps: {rows / 64:.0%} of an epoch"


def stopped(
    traced: Traced, steps: int, epochs: tuple[dict[str, Any], ...] = WORSE, pipeline: Any = None, **changes: Any
) -> Evidence:
    parts = () if pipeline is None else (pipeline,)
    return traced(*parts, step_losses=tuple(np.linspace(0.7, 0.6, steps)), epochs=epochs, **changes)


def test_a_training_to_its_end_is_healthy(judged: Judged, traced: Traced) -> None:
    assert judged("training.stopped", traced()) == []


def test_a_stop_where_the_loss_rises_is_healthy(judged: Judged, traced: Traced) -> None:
    assert judged("training.stopped", stopped(traced, 16, WORSE[::-1])) == []


def test_a_stop_at_the_first_progress_is_found(judged: Judged, traced: Traced) -> None:
    wrong = np.tile([[0.0, 1.0], [1.0, 0.0]], (16, 1)).astype(np.float32)
    (finding,) = judged("training.stopped", stopped(traced, 16, logits=wrong))
    assert finding.level == "fail"
    assert finding.observed.startswith("something stopped training after 16 of 32 optimizer steps, at an evaluation")
    assert finding.observed.endswith("where the loss fell from 0.69 to 0.6")


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 20},  # late
        {"steps": 16, "logits": np.tile([[1.0, 0.0]], (32, 1)).astype(np.float32)},  # all right: perhaps a target
        {"steps": 16, "epochs": ({"epoch": 0, "loss": 0.8, "accuracy": 0.5}, *WORSE)},
    ],
)
def test_a_stop_that_may_be_meant_is_a_warning(judged: Judged, traced: Traced, changes: dict[str, Any]) -> None:
    (finding,) = judged("training.stopped", stopped(traced, **changes))
    assert finding.level == "warn"


RISING = tuple({"epoch": epoch, "loss": 1.0 - epoch / 10, "accuracy": 0.3 + epoch / 20} for epoch in (1, 2, 3, 4))


@pytest.mark.parametrize(("threshold", "level"), [(0.5, "fail"), (0.0, "warn")])
def test_a_threshold_that_takes_progress_for_none_is_found(
    judged: Judged, toy: Toy, traced: Traced, threshold: float, level: str
) -> None:
    callback = EarlyStoppingCallback(early_stopping_patience=3, early_stopping_threshold=threshold)
    recipe = {"metric_for_best_model": "accuracy", "greater_is_better": True, "load_best_model_at_end": True}
    pipeline = toy(parts={"callbacks": [callback]}, save_strategy="epoch", **recipe)
    (found,) = judged("training.stopped", stopped(traced, 20, RISING, pipeline=pipeline))
    assert found.level == level
    assert found.observed.endswith("; early_stopping_threshold = 0.5") == (level == "fail")


def test_a_sampler_that_is_too_short_is_named(judged: Judged, toy: Toy) -> None:
    class Short(torch.utils.data.Sampler[int]):
        def __len__(self) -> int:
            return 8

        def __iter__(self) -> Any:
            return iter(range(64))

    class Samples(Trainer):
        def _get_train_sampler(self, *_: Any) -> Any:
            return Short()

    (found,) = judged("training.extent", toy(Samples, num_train_epochs=1))
    assert "by the sampler Short, whose length may not be that of the rows, in only " in found.observed


# -- evaluations ------------------------------------------------------------------------------------------------------


def test_evaluations_that_take_place_are_healthy(judged: Judged, toy: Toy) -> None:
    assert judged("training.evaluations", toy()) == []
    assert judged("training.evaluations", toy(eval_strategy="no")) == []
    assert judged("training.evaluations", toy(eval_strategy="steps", eval_steps=1000)) == []


def test_evaluations_that_never_take_place_are_found(judged: Judged, toy: Toy) -> None:
    (found,) = judged("training.evaluations", toy(eval_delay=50))
    assert found.expected == "evaluations during training (eval_strategy = 'epoch')"
    assert found.observed == "none was logged in 4 epochs and 32 optimizer steps, eval_delay = 50"
    (found,) = judged("training.evaluations", toy(eval_strategy="steps", eval_steps=8, eval_delay=50))
    assert "eval_strategy = 'steps'" in found.expected


@pytest.mark.parametrize(("patience", "count"), [(2, 1), (40, 0)])
def test_patience_of_less_than_an_epoch_is_found(
    judged: Judged, traced: Traced, toy: Toy, patience: int, count: int
) -> None:
    stops = EarlyStoppingCallback(early_stopping_patience=patience)
    keeps = {"load_best_model_at_end": True, "save_strategy": "steps", "eval_strategy": "steps", "save_steps": 1}
    pipeline = toy(parts={"callbacks": [stops]}, eval_steps=1, metric_for_best_model="accuracy", **keeps)
    epochs = tuple({"epoch": n / 8, "step": n, "loss": 1 - n / 10, "accuracy": 0.6} for n in range(1, 5))
    evidence = traced(pipeline, epochs=epochs, step_losses=(0.7,) * 32, planned_steps=128)
    found = [finding.observed for finding in judged("training.stopped", evidence) if "patience" in finding.observed]
    assert len(found) == count
