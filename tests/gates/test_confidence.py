"""Calibration error, Brier score and loss of rows, against other people's code and by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn import metrics as sk

from pytest_ftcheck.gates.row_metrics import row_metric
from pytest_ftcheck.heads.confidence import brier_scores, calibration_gaps, label_confidence, row_losses
from pytest_ftcheck.heads.row_metrics import metric_value
from pytest_ftcheck.heads.rows import EvaluatedRows

if TYPE_CHECKING:
    from collections.abc import Callable


def of_probabilities(positive: list[float], labels: list[int]) -> EvaluatedRows:
    chances = np.array(positive)
    logits = np.log(np.stack([1 - chances, chances], axis=1))
    return EvaluatedRows.of_logits(logits, np.array(labels), "sequence-classification")


def value(name: str, rows: EvaluatedRows) -> float:
    metric = row_metric(name, rows)
    assert metric is not None
    return metric_value(metric)


def test_calibration_error_by_hand() -> None:
    # Two rows of confidence 0.9, one of them right: gap 0.4; two of confidence 0.7, both right: gap 0.3.
    rows = of_probabilities([0.9, 0.9, 0.3, 0.3], [1, 0, 0, 0])
    assert value("expected_calibration_error", rows) == pytest.approx((2 * 0.4 + 2 * 0.3) / 4)


def test_opposite_gaps_cancel_in_one_bin_only() -> None:
    # 0.61 and 0.65 lie in the bin from 9/15 to 10/15, 0.75 in another one.
    together = of_probabilities([0.61, 0.65], [1, 0])
    apart = of_probabilities([0.61, 0.75], [1, 0])
    assert value("expected_calibration_error", together) == pytest.approx(abs(-0.39 + 0.65) / 2)
    assert value("expected_calibration_error", apart) == pytest.approx((0.39 + 0.75) / 2)


def test_bins_are_closed_above_and_hold_certainty() -> None:
    gaps = calibration_gaps(
        EvaluatedRows.of_logits(np.array([[0.0, 1e4], [0.0, 0.0]]), np.ones(2, int), "sequence-classification")
    )
    assert np.flatnonzero(gaps[1]).tolist() == [7]  # 0.5 lies in the bin from 7/15 to 8/15
    assert not gaps[0].any()  # sure and right


def test_model_that_knows_how_sure_it_may_be_is_calibrated() -> None:
    generator = np.random.default_rng(0)
    chances = generator.uniform(size=200_000)
    rows = of_probabilities(chances.tolist(), (generator.uniform(size=200_000) < chances).astype(int).tolist())
    assert value("expected_calibration_error", rows) < 0.01


@pytest.mark.parametrize("classes", [2, 4])
def test_brier_score_and_loss_are_those_of_scikit_learn(classes: int, classified: Callable[..., EvaluatedRows]) -> None:
    rows = classified(classes=classes)
    probabilities = rows.probabilities
    brier = sk.brier_score_loss(rows.label_ids, probabilities[:, 1] if classes == 2 else probabilities)
    assert brier_scores(rows).mean() == pytest.approx(brier)
    assert row_losses(rows).mean() == pytest.approx(sk.log_loss(rows.label_ids, probabilities))


def test_sigmoid_and_softmax_of_the_same_chance_score_alike() -> None:
    labels = np.array([0, 1, 1])
    two = np.array([[0.0, 0.3], [0.0, -2.0], [0.0, 1.5]])
    softmax = EvaluatedRows.of_logits(two, labels, "sequence-classification")
    sigmoid = EvaluatedRows.of_logits(two[:, 1:], labels, "sequence-classification")
    for name in ("expected_calibration_error", "brier_score", "loss"):
        assert value(name, sigmoid) == pytest.approx(value(name, softmax))


def test_certainty_of_the_wrong_class_costs_much_and_not_infinitely() -> None:
    rows = EvaluatedRows.of_logits(np.array([[0.0, 1e4]]), np.array([0]), "sequence-classification")
    assert 700 < row_losses(rows)[0] < math.inf


def test_regression_loses_the_squared_error() -> None:
    rows = EvaluatedRows.of_logits(np.array([[1.0], [2.0]]), np.array([3.0, 2.0]), "regression")
    assert row_losses(rows).tolist() == [4.0, 0.0]


def test_confidence_in_the_label_without_logits_is_being_right() -> None:
    assert label_confidence(EvaluatedRows(np.array([1, 1]), np.array([1, 0]))).tolist() == [1.0, 0.0]
