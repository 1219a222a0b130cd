"""What a run predicted, counted for the page by the traits of its head."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_ftcheck.heads.confidence import calibration_gaps
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.report.figures import predictions
from pytest_ftcheck.report.figures.records import LabelRecord

CLASSES = EvaluatedRows.of_logits(
    np.array([[2, 0], [2, 0], [0, 2], [0, 1], [np.nan, 0]], np.float32),
    np.array([0, 1, 1, 1, 0]),
    "sequence-classification",
    ("no", "yes"),
)
NAMES = ("no", "yes")


def test_labels_are_down_and_predictions_across() -> None:
    found = predictions.confusion(CLASSES, NAMES)
    assert found is not None
    assert (found.names, found.counts, found.undefined) == (["no", "yes"], [[1, 0], [1, 2]], 1)


def test_too_many_classes_have_no_matrix() -> None:
    logits = np.eye(41, dtype=np.float32)
    rows = EvaluatedRows.of_logits(logits, np.arange(41), "sequence-classification")
    assert predictions.confusion(rows, ()) is None
    assert len(predictions.per_label(rows, ())) == 41


def test_each_class_is_counted() -> None:
    no, yes = predictions.per_label(CLASSES, NAMES)
    assert no == LabelRecord(name="no", right=1, predicted=2, labelled=2)
    assert yes == LabelRecord(name="yes", right=2, predicted=2, labelled=3)


def test_each_label_of_a_set_is_counted() -> None:
    logits = np.array([[1, -1], [1, 1]], np.float32)
    rows = EvaluatedRows.of_logits(logits, np.array([[1, 1], [0, 1]], np.float32), "multi-label-classification", NAMES)
    assert predictions.per_label(rows, NAMES) == [
        LabelRecord(name="no", right=1, predicted=2, labelled=1),
        LabelRecord(name="yes", right=1, predicted=1, labelled=2),
    ]
    assert sum(entry.rows for entry in predictions.calibration(rows)) == 4
    assert predictions.confusion(rows, NAMES) is None


def test_entities_are_counted_by_type() -> None:
    names = ("O", "B-person", "I-person", "B-place")
    labels = np.array([[1, 2, 0, 3, -100], [3, 0, 0, -100, -100]])
    answers = np.array([[1, 2, 0, 0, 0], [1, 0, 0, 0, 0]])
    rows = EvaluatedRows.of_logits(np.eye(4, dtype=np.float32)[answers], labels, "token-classification", names)
    assert predictions.per_label(rows, names) == [
        LabelRecord(name="place", right=0, predicted=0, labelled=2),
        LabelRecord(name="person", right=1, predicted=2, labelled=1),
    ]


def test_numbers_are_points_and_what_is_no_number_is_left_out() -> None:
    rows = EvaluatedRows.of_logits(
        np.array([[1.5], [np.nan]], np.float32), np.array([2.0, 3.0], np.float32), "regression"
    )
    found = predictions.scatter(rows)
    assert found is not None
    assert (found.labels, found.predictions) == ([2.0], [1.5])
    assert predictions.per_label(rows, ()) == []
    assert predictions.calibration(rows) == []


def test_answers_are_scored() -> None:
    rows = EvaluatedRows(
        np.array(['["the cat"]', "[]", '["a red dog"]']), np.array(["cat", "", "dog"]), None, head_of_answers()
    )
    found = predictions.answers(rows)
    assert found is not None
    assert (found.questions, found.exact, found.without_answer, found.unanswered) == (3, 2, 1, 1)
    assert sum(found.f1) == 3
    assert found.f1[-1] == 2
    assert predictions.answers(CLASSES) is None


def head_of_answers() -> Any:
    from pytest_ftcheck.heads.registry import head_named

    return head_named("question-answering")


@pytest.mark.parametrize("seed", range(3))
def test_bins_give_the_calibration_error_that_the_metric_gives(seed: int) -> None:
    drawn = np.random.default_rng(seed)
    logits, labels = drawn.normal(size=(200, 3)).astype(np.float32), drawn.integers(0, 3, 200)
    rows = EvaluatedRows.of_logits(logits, labels, "sequence-classification")
    bins = predictions.calibration(rows)
    error = sum(entry.rows * abs(entry.confidence - entry.right) for entry in bins) / 200
    assert error == pytest.approx(float(np.abs(calibration_gaps(rows).mean(axis=0)).sum()))


def test_rows_are_chosen_evenly() -> None:
    assert predictions.evenly(0, 5).tolist() == []
    assert predictions.evenly(3, 5).tolist() == [0, 1, 2]
    assert predictions.evenly(9, 5).tolist() == [0, 2, 4, 6, 8]
