"""Intervals: those of scipy where scipy has them, honest where rows say nothing."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from pytest_ftcheck.gates.intervals import UNKNOWN, Interval, bootstrap_interval, row_interval, seed_interval, wilson
from pytest_ftcheck.gates.resampling import RESAMPLES, forget, resampled
from pytest_ftcheck.gates.row_metrics import row_metric
from pytest_ftcheck.heads.registry import head_named
from pytest_ftcheck.heads.row_metrics import metric_value
from pytest_ftcheck.heads.rows import EvaluatedRows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from pytest_ftcheck.heads.row_metrics import RowMetric

    Make = Callable[..., EvaluatedRows]

OF_CLASSES = ("f1", "precision", "recall", "matthews_correlation", "loss", "expected_calibration_error", "brier_score")


def metric_of(name: str, rows: EvaluatedRows) -> RowMetric:
    metric = row_metric(name, rows)
    assert metric is not None
    return metric


@pytest.mark.parametrize("name", [*OF_CLASSES, "mse", "pearson", "spearmanr"])
def test_bootstrap_interval_is_bca_of_scipy_for_the_same_draws(name: str, classified: Make, measured: Make) -> None:
    rows = (measured if name in {"mse", "pearson", "spearmanr"} else classified)(200, seed=2)
    metric = metric_of(name, rows)

    def statistic(drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        flat = np.atleast_2d(np.moveaxis(drawn, axis, -1))
        counts = np.array([np.bincount(row.astype(int), minlength=200) for row in flat]).astype(np.uint8)
        return metric.over(counts) if drawn.ndim > 1 else metric.over(counts)[0]

    draws = stats.bootstrap((np.arange(200.0),), statistic, n_resamples=9, vectorized=True, method="percentile")
    draws.bootstrap_distribution = resampled(metric.over, 200, RESAMPLES)
    theirs = stats.bootstrap(
        (np.arange(200.0),), statistic, n_resamples=0, bootstrap_result=draws, vectorized=True, method="BCa"
    ).confidence_interval
    ours = bootstrap_interval(metric)
    assert ours.method == "bca"
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=1e-5)


def test_accuracy_has_the_interval_of_wilson(classified: Make) -> None:
    rows = classified()
    right = int((rows.predictions == rows.label_ids).sum())
    ends = stats.binomtest(right, len(rows)).proportion_ci(method="wilson")
    assert row_interval("accuracy", rows) == Interval(float(ends.low), float(ends.high), "wilson")


@pytest.mark.parametrize("name", ["f1", "loss", "brier_score"])
def test_interval_holds_the_true_value_as_often_as_it_says(name: str, classified: Make) -> None:
    truth = metric_value(metric_of(name, classified(100_000, seed=99)))
    generator = np.random.default_rng(5)
    population = classified(100_000, seed=99)
    held = 0
    for _ in range(200):
        part = np.zeros(100_000, dtype=bool)
        part[generator.choice(100_000, 300, replace=False)] = True
        interval = row_interval(name, population.take(part))
        held += interval is not None and truth in interval
    assert held >= 180


def test_same_rows_give_the_same_interval(classified: Make) -> None:
    first = row_interval("f1", classified())
    forget()
    assert row_interval("f1", classified()) == first


def test_many_rows_are_drawn_in_parts_that_are_not_kept() -> None:
    few = resampled(lambda counts: counts.sum(axis=1).astype(float), 20_000, 1000)
    assert few.tolist() == [20_000.0] * 1000


def test_perfect_predictions_are_not_certain() -> None:
    labels = np.tile([0, 1], 200)
    rows = EvaluatedRows(labels, labels)
    for name in ("f1", "precision", "recall", "matthews_correlation"):
        interval = row_interval(name, rows)
        assert interval is not None
        assert interval.method == "unseen"
        assert interval.high == 1.0
        assert 0.97 < interval.low < 0.999


def of_answers(right: Sequence[str], given: Sequence[str]) -> EvaluatedRows:
    return EvaluatedRows(np.array(right), np.array(given), None, head_named("question-answering"))


def of_tags(label_ids: NDArray[np.int64], predictions: NDArray[np.int64]) -> EvaluatedRows:
    names = ("O", "B-name", "I-name")
    return EvaluatedRows(label_ids, predictions, None, head_named("token-classification"), names)


def of_sets(label_ids: NDArray[np.int64], predictions: NDArray[np.int64]) -> EvaluatedRows:
    return EvaluatedRows(
        label_ids.astype(float), predictions, None, head_named("multi-label-classification"), ("a", "b")
    )


TAGS, SETS = np.tile([[0, 1, 2], [1, 0, -100]], (100, 1)), np.tile([[0, 1], [1, 1]], (100, 1))
SPANS = np.tile([[0, 1], [1, 2]], (100, 1))
PERFECT = {
    "answers": (of_answers(['["sold"]', "[]"] * 100, ["sold", ""] * 100), ("exact_match", "f1", "HasAns_f1"), 100),
    "spans": (EvaluatedRows(SPANS, SPANS, None, head_named("answer-positions")), ("f1_positions",), 100),
    "tags": (of_tags(TAGS, np.maximum(TAGS, 0)), ("f1", "recall", "accuracy", "name_f1"), 1),
    "sets": (of_sets(SETS, SETS), ("f1_micro", "f1_macro", "samples_f1", "subset_accuracy", "a_f1"), 1),
}


@pytest.mark.parametrize("head", PERFECT)
def test_a_perfect_model_of_any_head_may_err_on_other_rows(head: str) -> None:
    rows, names, most = PERFECT[head]
    for name in names:
        interval = row_interval(name, rows)
        assert interval is not None, name
        assert interval.method == "unseen", name
        assert interval.high == pytest.approx(most)
        assert 0.9 * most < interval.low < 0.999 * most


def test_tags_that_are_never_found_may_be_found_on_other_rows() -> None:
    interval = row_interval("f1", of_tags(TAGS, np.zeros_like(TAGS)))
    assert interval is not None
    assert interval.low == 0.0
    assert 0.0 < interval.high < 0.1


def test_class_that_is_never_found_may_be_found_on_other_rows() -> None:
    rows = EvaluatedRows(np.tile([0, 1], 200), np.zeros(400, int))
    interval = row_interval("f1", rows)
    assert interval is not None
    assert interval.low == 0.0
    assert 0.0 < interval.high < 0.1


def test_small_calibration_error_has_an_interval_from_zero() -> None:
    generator = np.random.default_rng(0)
    chances = generator.uniform(0.05, 0.95, 400)
    logits = np.log(np.stack([1 - chances, chances], axis=1))
    labels = (generator.uniform(size=400) < chances).astype(int)
    interval = row_interval(
        "expected_calibration_error", EvaluatedRows.of_logits(logits, labels, "sequence-classification")
    )
    assert interval is not None
    assert interval.known
    assert 0.0 <= interval.low < interval.high < 0.1


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("accuracy", EvaluatedRows(np.zeros(0, int), np.zeros(0, int))),
        ("f1", EvaluatedRows(np.ones(1, int), np.ones(1, int))),
        ("mse", EvaluatedRows(np.ones(1), np.zeros(1))),
        ("mse", EvaluatedRows(np.ones(9), np.zeros(9))),
        ("pearson", EvaluatedRows(np.arange(9.0), np.ones(9))),
        ("spearmanr", EvaluatedRows(np.ones(9), np.arange(9.0))),
        ("pearson", EvaluatedRows(np.array([0.0, 1.0]), np.array([0.0, 2.0]))),
        ("mse", EvaluatedRows(np.arange(9.0), np.append(np.arange(8.0), math.nan))),
        ("f1", EvaluatedRows(np.ones(2, int), np.ones(2, int), np.array([[0, 1], [math.inf, 0]]))),
    ],
    ids=["no rows", "one row", "one number", "equal errors", "constant", "constant labels", "two rows", "nan", "inf"],
)
def test_rows_that_tell_nothing_have_an_unknown_interval(name: str, rows: EvaluatedRows) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        interval = row_interval(name, rows)
    assert interval is not None
    assert not interval.known
    assert 0.5 not in interval


def test_one_row_says_little_of_accuracy() -> None:
    interval = row_interval("accuracy", EvaluatedRows(np.ones(1, int), np.ones(1, int)))
    assert interval is not None
    assert interval.low == pytest.approx(0.207, abs=1e-3)


def test_metric_that_is_not_one_of_rows_has_no_interval(classified: Make) -> None:
    assert row_interval("bleu", classified()) is None
    assert row_interval(None, classified()) is None


def test_standard_error_is_that_of_a_normal_interval() -> None:
    assert Interval(0.8, 0.9, "wilson").standard_error == pytest.approx(0.1 / (2 * 1.959964), rel=1e-6)
    assert math.isnan(UNKNOWN.standard_error)


def test_wilson_of_none_right_ends_above_zero() -> None:
    assert wilson(0, 100).low == 0.0
    assert wilson(0, 100).high == pytest.approx(0.037, abs=1e-3)


def test_seed_interval_is_students() -> None:
    values = [0.86, 0.87, 0.85, 0.88, 0.86]
    theirs = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    ours = seed_interval(values)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    one_sided = stats.ttest_1samp(values, 0, alternative="greater").confidence_interval(0.99)
    assert seed_interval(values, confidence=0.98).low == pytest.approx(one_sided.low)


@pytest.mark.parametrize("values", [[], [0.9], [0.9, math.nan]])
def test_seeds_that_tell_nothing_have_an_unknown_interval(values: list[float]) -> None:
    assert seed_interval(values) == UNKNOWN


def test_equal_seeds_have_no_width() -> None:
    assert (seed_interval([0.5, 0.5, 0.5]).low, seed_interval([0.5, 0.5, 0.5]).high) == (0.5, 0.5)
