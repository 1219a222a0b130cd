"""What a gate looks at: rows of a run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from pytest_ftcheck.errors import DataError, TaskError
from pytest_ftcheck.heads.classes import NO_CLASS
from pytest_ftcheck.heads.rows import EvaluatedRows


def test_rows_of_a_run_hold_its_predictions() -> None:
    logits = np.array([[0, 1], [2, 1], [np.nan, 1]], np.float32)
    run = SimpleNamespace(
        logits=logits, label_ids=np.array([1, 1, 0]), head="sequence-classification", label_names=("no", "yes")
    )
    rows = EvaluatedRows.of_run(cast("Any", run))
    assert rows.predictions.tolist() == [1, 0, NO_CLASS]
    assert (len(rows), rows.num_labels, rows.regression, rows.finite) == (3, 2, False, False)


def test_one_logit_of_a_classification_goes_through_a_sigmoid() -> None:
    rows = EvaluatedRows.of_logits(
        np.array([[0.0], [3.0], [-3.0]], np.float32), np.array([0, 1, 0]), "sequence-classification"
    )
    assert rows.predictions.tolist() == [0, 1, 0]
    assert rows.probabilities[:, 1] == pytest.approx(1 / (1 + np.exp([0.0, -3.0, 3.0])))


def test_regression_predicts_values() -> None:
    rows = EvaluatedRows.of_logits(np.array([[0.5], [2.0]], np.float32), np.array([0.0, 2.5]), "regression")
    assert rows.regression
    assert rows.predictions.tolist() == [0.5, 2.0]


def test_large_logits_do_not_overflow() -> None:
    rows = EvaluatedRows.of_logits(np.array([[0.0, 1e4]], np.float32), np.array([1]), "sequence-classification")
    assert rows.probabilities.tolist() == [[0.0, 1.0]]


def test_mask_takes_rows_of_every_column() -> None:
    rows = EvaluatedRows.of_logits(np.eye(3, dtype=np.float32), np.arange(3), "sequence-classification")
    part = rows.take(np.array([True, False, True]))
    assert part.label_ids.tolist() == [0, 2]
    assert part.logits is not None
    assert part.logits.tolist() == [[1, 0, 0], [0, 0, 1]]


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(DataError, match="3 labels, 2 predictions"):
        EvaluatedRows(np.zeros(3, int), np.zeros(2, int))
    with pytest.raises(DataError, match="3 labels, 3 predictions, 1 logits"):
        EvaluatedRows(np.zeros(3, int), np.zeros(3, int), np.zeros((1, 2)))


def test_probabilities_need_logits() -> None:
    with pytest.raises(DataError, match="only predictions are known"):
        _ = EvaluatedRows(np.zeros(3, int), np.zeros(3, int)).probabilities


def test_unknown_head_is_refused() -> None:
    with pytest.raises(TaskError, match="unknown head"):
        EvaluatedRows.of_logits(np.zeros((2, 2)), np.zeros(2), "sequence-classifier")
