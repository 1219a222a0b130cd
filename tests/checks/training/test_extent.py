"""How long a training goes on: over its rows, and not stopped while it gets better."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

    Judged = Callable[..., list[Finding]]
    Traced = Callable[..., Evidence]

WORSE = ({"epoch": 1, "loss": 0.69, "accuracy": 0.5}, {"epoch": 2, "loss": 0.6, "accuracy": 0.5})


def cut(traced: Traced, rows: int) -> Evidence:
    """A run whose only epoch draws so many of the 64 rows."""
    first = traced().run.trace.passes[0]
    few = replace(first, rows=first.rows[:rows], labels=first.labels[:rows], batch_sizes=(rows,))
    return traced(passes=(few,))


def test_whole_epochs_are_sound(judged: Judged, traced: Traced) -> None:
    assert judged("training.extent", traced()) == judged("training.extent", cut(traced, 60)) == []


@pytest.mark.parametrize(("rows", "level"), [(8, "fail"), (24, "fail"), (32, "warn")])
def test_a_part_of_an_epoch_is_found(judged: Judged, traced: Traced, rows: int, level: str) -> None:
    (finding,) = judged("training.extent", cut(traced, rows))
    assert finding.level == level
    assert finding.expected.startswith("all 64 train rows")
    assert finding.observed == f"{rows} rows were drawn in 32 optimizer steps: {rows / 64:.0%} of an epoch"


def stopped(traced: Traced, steps: int, epochs: tuple[dict[str, Any], ...] = WORSE, **changes: Any) -> Evidence:
    return traced(step_losses=tuple(np.linspace(0.7, 0.6, steps)), epochs=epochs, **changes)


def test_a_training_to_its_end_is_sound(judged: Judged, traced: Traced) -> None:
    assert judged("training.stopped", traced()) == []


def test_a_stop_where_the_loss_rises_is_sound(judged: Judged, traced: Traced) -> None:
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
