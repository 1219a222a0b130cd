"""Floors: what passes, what fails, and what a failure says."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from pytest_ftcheck.gates.floors import Gate, floor_findings, gate
from pytest_ftcheck.runs.run import Run
from pytest_ftcheck.runs.trace import Trace

SUBJECT = "mrpc with tiny-bert on bundled"


def run_with(**metrics: float) -> Run:
    return Run(
        task="mrpc",
        engine="manual",
        seed=3,
        head="sequence-classification",
        checkpoint="tiny-bert",
        metrics=metrics,
        epochs=(),
        best_epoch=None,
        step_losses=(),
        log_history=(),
        logits=np.zeros((5, 2), np.float32),
        label_ids=np.zeros(5, np.int64),
        train_rows=7,
        timings={"train": 1.5, "predict": 9.0},
        environment={},
        trace=Trace(),
        folder=Path(),
    )


def judge(value: float, floor: float = 0.85) -> Gate:
    return gate(run_with(accuracy=value), "accuracy", {"accuracy": floor})


@pytest.mark.parametrize("value", [0.85, np.nextafter(0.85, 1), 1.0])
def test_value_at_or_above_the_floor_passes(value: float) -> None:
    verdict = judge(value)
    assert verdict.status == "pass"
    assert floor_findings(verdict, SUBJECT) == []


@pytest.mark.parametrize("value", [np.nextafter(0.85, 0), 0.0, -1.0, math.nan, math.inf, -math.inf])
def test_value_below_the_floor_or_not_finite_fails(value: float) -> None:
    verdict = judge(value)
    assert verdict.status == "fail"
    assert len(floor_findings(verdict, SUBJECT)) == 1


def test_missing_metric_fails() -> None:
    verdict = gate(run_with(f1=1.0), "accuracy", {"accuracy": 0.5})
    assert math.isnan(verdict.value)
    assert verdict.status == "fail"


@pytest.mark.parametrize("value", [0.9, math.nan])
def test_metric_without_a_floor_has_no_verdict(value: float) -> None:
    verdict = gate(run_with(accuracy=value), "accuracy", {"f1": 0.9})
    assert (verdict.status, verdict.floor, verdict.margin) == ("no floor", None, None)
    assert floor_findings(verdict, SUBJECT) == []


def test_nan_floor_passes_nothing() -> None:
    assert judge(1.0, floor=math.nan).status == "fail"


def test_gate_carries_what_was_measured_on_what() -> None:
    expected = Gate("mrpc", "manual", 3, "accuracy", 0.9, floor=0.85, rows=5, seconds=1.5)
    assert judge(0.9) == expected
    assert judge(0.9).margin == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("value", "observed"),
    [
        (0.8, "0.8000, 0.0500 short"),
        (0.84999999, "0.849999990, 0.000000010 short"),
        (math.nan, "nan, not a finite number"),
        (math.inf, "inf, not a finite number"),
    ],
)
def test_failure_says_how_much_is_missing(value: float, observed: str) -> None:
    (finding,) = floor_findings(judge(value), SUBJECT)
    assert finding.observed == observed
    assert finding.expected == "at least 0.8500"
    assert finding.check == "metrics.floor"
    assert finding.subject == "accuracy of mrpc with tiny-bert on bundled (5 rows)"
    assert "last run that passed" in finding.hint
