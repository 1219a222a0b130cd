"""Checks of the outputs: green on a healthy run, red with a message that names the row on each planted defect."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_ftcheck.checks.model import finite_logits, label_ids, logits_shape, predictions_in_range
from pytest_ftcheck.runs.run import Run

SUBJECT = "mrpc with tiny-bert on bundled"
LABELS = [1, 0, 2, 1]
LOGITS = np.array([[0, 9, 0], [9, 0, 0], [0, 0, 9], [0, 9, 0]], np.float32)
LABEL_RANGE = (0.0, 5.0)


def healthy(**changes: Any) -> Run:
    run = Run(
        task="mrpc",
        engine="trainer",
        seed=0,
        head="sequence-classification",
        checkpoint="tiny-bert",
        metrics={},
        epochs=(),
        best_epoch=None,
        step_losses=(),
        log_history=(),
        logits=LOGITS,
        label_ids=np.array(LABELS),
        train_rows=8,
        timings={},
        environment={},
        folder=Path(),
    )
    return replace(run, **changes)


def regression(*values: float) -> Run:
    column = np.array(values, np.float32)[:, None]
    return healthy(head="regression", logits=column, label_ids=np.zeros(len(values), np.float32))


def changed(array: np.ndarray[Any, Any], index: Any, value: float) -> np.ndarray[Any, Any]:
    copy = array.copy()
    copy[index] = value
    return copy


def test_healthy_run_has_no_findings() -> None:
    run = healthy()
    assert logits_shape(run, 4, 3, SUBJECT) == []
    assert label_ids(run, LABELS, SUBJECT) == []
    assert finite_logits(run, SUBJECT) == []
    assert predictions_in_range(run, 3, LABEL_RANGE, SUBJECT) == []


@pytest.mark.parametrize(
    "logits",
    [
        pytest.param(np.zeros((4, 2), np.float32), id="narrower head"),
        pytest.param(np.zeros((4, 5), np.float32), id="wider head"),
        pytest.param(LOGITS[:3], id="lost row"),
        pytest.param(np.concatenate([LOGITS, LOGITS[:1]]), id="repeated row"),
        pytest.param(LOGITS[:, 0], id="no column"),
        pytest.param(LOGITS[:, :, None], id="one axis more"),
    ],
)
def test_logits_of_another_shape_are_found(logits: np.ndarray[Any, Any]) -> None:
    (finding,) = logits_shape(healthy(logits=logits), 4, 3, SUBJECT)
    assert finding.check == "model.logits_shape"
    assert finding.subject == SUBJECT
    assert finding.expected == "logits of shape (4, 3)"
    assert finding.observed == f"shape {logits.shape}"


@pytest.mark.parametrize(
    ("ids", "observed"),
    [
        pytest.param([0, 1, 2, 1], "2 rows differ, the first is row 0: 0 instead of 1", id="reordered"),
        pytest.param([1, 0, 2, -100], "1 rows differ, the first is row 3: -100 instead of 1", id="masked"),
        pytest.param([1, 0, 2], "shape (3,)", id="lost"),
        pytest.param([[1], [0], [2], [1]], "shape (4, 1)", id="one axis more"),
    ],
)
def test_label_ids_of_other_rows_are_found(ids: list[Any], observed: str) -> None:
    (finding,) = label_ids(healthy(label_ids=np.array(ids)), LABELS, SUBJECT)
    assert finding.check == "model.label_ids"
    assert finding.expected == "the 4 labels of the evaluation data set, in order"
    assert finding.observed == observed


def test_regression_labels_are_compared_in_the_precision_that_they_are_kept_in() -> None:
    run = healthy(label_ids=np.array([0.1, 2.3], np.float32))
    assert label_ids(run, [0.1, 2.3], SUBJECT) == []
    (finding,) = label_ids(run, [0.1, 2.4], SUBJECT)
    assert "row 1" in finding.observed


def test_nan_label_is_found() -> None:
    assert label_ids(healthy(label_ids=np.array([np.nan], np.float32)), [1.0], SUBJECT)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logit_that_is_not_finite_is_found(value: float) -> None:
    (finding,) = finite_logits(healthy(logits=changed(LOGITS, (2, 1), value)), SUBJECT)
    assert finding.check == "model.finite"
    assert finding.observed.startswith("1 of 4 rows are not finite, the first is row 2: [")
    assert str(value) in finding.observed


def test_predictions_of_a_wider_head_are_found() -> None:
    (finding,) = predictions_in_range(healthy(), 2, LABEL_RANGE, SUBJECT)
    assert finding.check == "model.predictions"
    assert finding.expected == "4 predictions from 0 to 1"
    assert finding.observed == "shape (4,), 1 outside, the first is row 2: 2"


@pytest.mark.parametrize("value", [-5.0, 0.0, 2.5, 10.0])
def test_regression_may_overshoot_by_the_range_of_the_labels(value: float) -> None:
    assert predictions_in_range(regression(1.0, value), 1, LABEL_RANGE, SUBJECT) == []


@pytest.mark.parametrize("value", [-5.1, 10.1, np.nan, np.inf, -np.inf])
def test_regression_far_outside_the_labels_is_found(value: float) -> None:
    (finding,) = predictions_in_range(regression(1.0, value), 1, LABEL_RANGE, SUBJECT)
    assert finding.expected == "2 predictions from -5 to 10"
    assert finding.observed.startswith("shape (2,), 1 outside, the first is row 1: ")


def test_predictions_of_another_shape_are_found() -> None:
    run = healthy(logits=np.zeros((4, 3, 2), np.float32))
    (finding,) = predictions_in_range(run, 3, LABEL_RANGE, SUBJECT)
    assert finding.observed == "shape (4, 3), 0 outside"
