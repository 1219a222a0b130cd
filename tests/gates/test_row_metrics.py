"""Metrics as functions of rows: equal to those that runs report, for all rows and for any draw of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from pytest_ftcheck.gates.row_metrics import resolve_metric, row_metric
from pytest_ftcheck.heads.row_metrics import metric_value
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.tasks.metrics import load_metric

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., EvaluatedRows]

CLASSES = ("accuracy", "f1", "precision", "recall", "matthews_correlation")
NUMBERS = ("mse", "pearsonr", "spearmanr")


def reported(name: str, rows: EvaluatedRows, **options: Any) -> float:
    values = load_metric(name).compute(predictions=rows.predictions, references=rows.label_ids, **options)
    return float(values[name])


def value(name: str, rows: EvaluatedRows) -> float:
    metric = row_metric(name, rows)
    assert metric is not None
    return metric_value(metric)


@pytest.mark.parametrize("name", CLASSES)
def test_class_metric_is_the_one_that_runs_report(name: str, classified: Make) -> None:
    assert value(name, classified()) == pytest.approx(reported(name, classified()))


@pytest.mark.parametrize("name", NUMBERS)
def test_regression_metric_is_the_one_that_runs_report(name: str, measured: Make) -> None:
    assert value(name, measured()) == pytest.approx(reported(name, measured()), abs=1e-6)


@pytest.mark.parametrize("average", ["macro", "weighted", "micro"])
@pytest.mark.parametrize("name", ["f1", "precision", "recall"])
def test_average_over_classes_is_that_of_scikit_learn(name: str, average: str, classified: Make) -> None:
    rows = classified(classes=4, strength=0.8)
    score = getattr(sk, f"{name}_score")(rows.label_ids, rows.predictions, average=average, zero_division=0)
    assert value(f"{name}:{average}", rows) == pytest.approx(score)


def test_class_that_never_occurs_is_not_averaged() -> None:
    rows = EvaluatedRows(np.array([0, 0, 2, 2]), np.array([0, 2, 2, 2]), np.zeros((4, 5)))
    assert value("f1:macro", rows) == pytest.approx(sk.f1_score(rows.label_ids, rows.predictions, average="macro"))


def test_correlation_of_several_classes_is_that_of_scikit_learn(classified: Make) -> None:
    rows = classified(classes=3)
    assert value("matthews_correlation", rows) == pytest.approx(sk.matthews_corrcoef(rows.label_ids, rows.predictions))


@pytest.mark.parametrize("name", [*CLASSES, "loss", "expected_calibration_error", "brier_score", *NUMBERS])
def test_rows_drawn_several_times_score_as_if_repeated(name: str, classified: Make, measured: Make) -> None:
    rows = (measured if name in NUMBERS else classified)(60)
    metric = row_metric(name, rows)
    assert metric is not None
    drawn = np.random.default_rng(3).integers(0, 60, (5, 60))
    counts = np.array([np.bincount(draw, minlength=60) for draw in drawn]).astype(np.uint8)
    logits = rows.logits
    assert logits is not None
    repeated = [
        value(name, EvaluatedRows(rows.label_ids[draw], rows.predictions[draw], logits[draw])) for draw in drawn
    ]
    assert metric.over(counts) == pytest.approx(np.array(repeated), abs=1e-6)


@pytest.mark.parametrize("name", [*CLASSES, "brier_score", *NUMBERS])
def test_leaving_out_a_row_scores_as_if_it_were_not_there(name: str, classified: Make, measured: Make) -> None:
    rows = (measured if name in NUMBERS else classified)(40)
    metric = row_metric(name, rows)
    assert metric is not None
    without = [value(name, rows.take(np.arange(40) != row)) for row in range(40)]
    assert np.sort(metric.leave_one_out()) == pytest.approx(np.sort(without), abs=1e-6)


def test_equal_values_share_a_rank(measured: Make) -> None:
    rows = measured()
    assert len(np.unique(rows.label_ids)) < len(rows)
    rho = stats.spearmanr(rows.predictions, rows.label_ids).statistic
    assert value("spearmanr", rows) == pytest.approx(rho, abs=1e-6)


@pytest.mark.parametrize("name", ["pearson", "spearmanr"])
def test_constant_predictions_have_no_correlation(name: str) -> None:
    rows = EvaluatedRows(np.arange(5.0), np.full(5, 0.1))
    assert math.isnan(value(name, rows))


@pytest.mark.parametrize("name", CLASSES)
def test_constant_predictions_score_as_runs_report(name: str) -> None:
    rows = EvaluatedRows(np.array([0, 1, 1, 0]), np.array([1, 1, 1, 1]))
    assert value(name, rows) == pytest.approx(reported(name, rows))


def test_prediction_that_is_no_class_is_wrong() -> None:
    rows = EvaluatedRows(np.array([0, 1]), np.array([-1, 1]))
    assert value("accuracy", rows) == 0.5
    assert value("recall", rows) == 1.0


def test_average_is_found_by_the_value_that_was_reported(classified: Make) -> None:
    rows = classified(classes=4, strength=0.8)
    for average in ("macro", "weighted", "micro"):
        score = sk.f1_score(rows.label_ids, rows.predictions, average=average)
        assert resolve_metric("f1", rows, score + 1e-5) == f"f1:{average}"


def test_metric_of_another_value_is_not_ours(classified: Make) -> None:
    rows = classified()
    assert resolve_metric("f1", rows, reported("f1", rows)) == "f1"
    assert resolve_metric("f1", rows, reported("f1", rows) - 0.2) is None
    assert resolve_metric("bleu", rows, 0.5) is None
    assert resolve_metric("loss", EvaluatedRows(np.zeros(2, int), np.zeros(2, int)), 0.5) is None


def test_reported_nan_is_the_metric_that_is_nan() -> None:
    constant = EvaluatedRows(np.arange(5.0), np.full(5, 0.1))
    assert resolve_metric("pearson", constant, math.nan) == "pearson"
    assert resolve_metric("mse", constant, math.nan) is None


def test_without_a_reported_value_the_first_metric_is_taken(classified: Make) -> None:
    assert resolve_metric("f1", classified(), None) == "f1"
    assert resolve_metric("f1", classified(classes=3), None) == "f1:macro"
