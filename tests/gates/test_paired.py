"""Drops against a baseline, which rows or seeds explain."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.gates.compared_run import ComparedRun
from pytest_ftcheck.gates.paired import compare, drop_bound, mcnemar
from pytest_ftcheck.gates.row_metrics import row_metric
from pytest_ftcheck.gates.tolerance import SeedStatistics, drop_factor
from pytest_ftcheck.heads.row_metrics import metric_value
from pytest_ftcheck.heads.rows import EvaluatedRows

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., EvaluatedRows]

NARROW = SeedStatistics(0.86, 0.002, 10)
WIDE = SeedStatistics(0.86, 0.02, 10)


def flipped(rows: int, right: int, lost: int, gained: int) -> tuple[ComparedRun, ComparedRun]:
    """Make a baseline and a run of binary labels, by the rows that are right and that flip."""
    labels = np.tile([0, 1], rows)[:rows]
    was = np.arange(rows) < right
    now = was.copy()
    now[:lost] = False
    now[right : right + gained] = True
    runs = [EvaluatedRows(labels, np.where(correct, labels, 1 - labels)) for correct in (was, now)]
    return ComparedRun({"accuracy": was.mean()}, runs[0]), ComparedRun({"accuracy": now.mean()}, runs[1])


def measured_run(rows: EvaluatedRows, *names: str, **known: SeedStatistics) -> ComparedRun:
    metrics = {}
    for name in names:
        metric = row_metric(name, rows)
        assert metric is not None
        metrics[name] = metric_value(metric)
    return ComparedRun(metrics, rows, known)


@pytest.mark.parametrize(
    ("lost", "gained", "expected"),
    [(0, 0, 1.0), (5, 5, 0.623), (10, 2, 0.0193), (7, 0, 2**-7), (2, 10, 0.9968)],
)
def test_mcnemar_is_the_exact_binomial_tail(lost: int, gained: int, expected: float) -> None:
    assert mcnemar(lost, gained) == pytest.approx(expected, abs=1e-3)


def test_same_predictions_pass() -> None:
    before, after = flipped(408, 350, 0, 0)
    drop = compare("accuracy", before, after, max_drop=0.0)
    assert (drop.status, drop.drop, drop.row_pvalue) == ("pass", 0.0, None)


def test_drop_that_is_allowed_passes_to_the_last_digit() -> None:
    before, after = flipped(100, 86, 1, 0)
    drop = compare("accuracy", before, after, max_drop=0.01)
    assert drop.drop == pytest.approx(0.01)
    assert drop.status == "pass"


def test_drop_that_rows_explain_is_inconclusive() -> None:
    before, after = flipped(408, 350, 20, 12)
    drop = compare("accuracy", before, after, max_drop=0.01)
    assert drop.drop == pytest.approx(8 / 408)
    assert drop.row_pvalue == pytest.approx(0.1077, abs=1e-4)
    assert drop.status == "inconclusive"


def test_drop_that_rows_do_not_explain_fails() -> None:
    before, after = flipped(408, 350, 30, 5)
    drop = compare("accuracy", before, after, max_drop=0.01)
    assert (drop.status, drop.seed_bound) == ("fail", None)


def test_drop_that_seeds_explain_is_inconclusive_however_many_rows_there_are() -> None:
    before, after = flipped(5463, 4900, 300, 120)
    assert compare("accuracy", before, after, max_drop=0.01).status == "fail"
    known = replace(before, calibrated={"accuracy": WIDE})
    drop = compare("accuracy", known, after, max_drop=0.01)
    assert drop.status == "inconclusive"
    assert drop.seed_bound == pytest.approx(drop_factor(10, 0.01) * math.sqrt(2) * 0.02)
    surer = replace(before, calibrated={"accuracy": NARROW})
    assert compare("accuracy", surer, after, max_drop=0.01).status == "fail"


def test_stricter_rate_needs_more_evidence() -> None:
    before, after = flipped(408, 350, 17, 5)
    assert compare("accuracy", before, after, max_drop=0.01).status == "fail"
    assert compare("accuracy", before, after, max_drop=0.01, false_alarms=0.001).status == "inconclusive"


def test_relative_drop_is_a_share_of_the_baseline() -> None:
    before, after = flipped(1000, 800, 30, 0)
    assert compare("accuracy", before, after, max_drop=0.04, relative=True).allowed == pytest.approx(0.032)
    assert compare("accuracy", before, after, max_drop=0.04, relative=True).status == "pass"
    assert compare("accuracy", before, after, max_drop=0.03, relative=True).status == "fail"


@pytest.mark.parametrize("name", ["f1", "matthews_correlation"])
def test_other_metrics_are_compared_by_pairs_of_rows(name: str, classified: Make) -> None:
    strong, weak, other = classified(strength=2.5), classified(strength=1.0), classified(strength=2.5, seed=7)
    before = measured_run(strong, name)
    worse = compare(name, before, measured_run(weak, name), max_drop=0.01)
    assert worse.status == "fail"
    assert worse.row_pvalue is not None
    assert worse.row_pvalue < 0.01
    # Another seed of the same recipe.
    again = compare(name, before, measured_run(other, name), max_drop=-1.0)
    assert again.row_pvalue is not None
    assert again.row_pvalue > 0.01


@pytest.mark.parametrize("name", ["pearson", "spearmanr"])
def test_regression_is_compared_by_pairs_of_rows(name: str, measured: Make) -> None:
    before = measured_run(measured(noise=0.5), name)
    assert compare(name, before, measured_run(measured(noise=1.5), name), max_drop=0.01).status == "fail"


def test_paired_p_value_is_that_of_a_normal_difference(classified: Make) -> None:
    before, after = classified(2000, strength=1.6), classified(2000, strength=1.5, seed=4)
    first, second = (measured_run(rows, "brier_score") for rows in (before, after))
    drop = compare("brier_score", first, second, max_drop=-1.0, greater_is_better=False)
    differences = (after.probabilities[:, 1] - after.label_ids) ** 2 - (
        before.probabilities[:, 1] - before.label_ids
    ) ** 2
    z = differences.mean() / (differences.std() / math.sqrt(2000))
    assert drop.row_pvalue == pytest.approx(0.5 * math.erfc(z / math.sqrt(2)), abs=0.02)


def test_smaller_is_better_turns_the_drop_round(measured: Make) -> None:
    better, worse = measured_run(measured(noise=0.5), "mse"), measured_run(measured(noise=1.0), "mse")
    drop = compare("mse", better, worse, max_drop=0.1, greater_is_better=False)
    assert drop.drop == pytest.approx(drop.after - drop.before)
    assert drop.status == "fail"
    assert compare("mse", worse, better, max_drop=0.1, greater_is_better=False).status == "pass"


def test_metric_of_the_users_own_is_compared_by_seeds_alone() -> None:
    before, after = flipped(100, 90, 0, 0)
    old, new = replace(before, metrics={"bleu": 0.5}), replace(after, metrics={"bleu": 0.4})
    alone = compare("bleu", old, new, max_drop=0.01)
    assert (alone.status, alone.row_pvalue, alone.seed_bound) == ("fail", None, None)
    assert math.isnan(alone.smallest)
    known = replace(old, calibrated={"bleu": SeedStatistics(0.5, 0.05, 10)})
    assert compare("bleu", known, new, max_drop=0.01).status == "inconclusive"


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_metric_that_is_gone_or_not_finite_fails(value: float | None) -> None:
    before, after = flipped(408, 350, 0, 0)
    known = replace(before, calibrated={"accuracy": WIDE})
    drop = compare(
        "accuracy", known, replace(after, metrics={} if value is None else {"accuracy": value}), max_drop=0.5
    )
    assert drop.status == "fail"
    assert math.isnan(drop.drop)


def test_smallest_drop_is_seen_in_80_percent_of_the_sessions() -> None:
    before, after = flipped(408, 350, 10, 10)
    known = replace(before, calibrated={"accuracy": SeedStatistics(0.86, 0.01, 10)})
    by_rows = compare("accuracy", before, after, max_drop=0.0).smallest
    by_seeds = compare("accuracy", known, after, max_drop=0.0).smallest
    error = math.sqrt(20) / 408
    assert by_rows == pytest.approx((2.326 + 0.842) * error, rel=0.01)
    assert by_seeds == pytest.approx(
        drop_bound(known.calibrated["accuracy"], 0.01) + 0.842 * math.sqrt(2) * 0.01, rel=0.01
    )
    # Rows that all agree could still show seven flips to the worse.
    same = compare("accuracy", before, before, max_drop=0.0)
    assert same.smallest == pytest.approx(7 / 408)


def test_one_row_is_compared_without_a_crash() -> None:
    before, after = flipped(1, 1, 1, 0)
    drop = compare("accuracy", before, after, max_drop=0.1)
    assert drop.status == "inconclusive"
    assert math.isnan(drop.smallest)


def test_other_rows_are_not_compared() -> None:
    before, after = flipped(100, 90, 0, 0)
    fewer = replace(after, rows=after.rows.take(np.arange(100) < 99))
    with pytest.raises(DataError, match="not comparable: the baseline has 100 evaluated rows, the run 99"):
        compare("accuracy", before, fewer, max_drop=0.1)


@pytest.mark.parametrize("metrics", [{}, {"accuracy": math.nan}])
def test_baseline_without_a_value_is_refused(metrics: dict[str, float]) -> None:
    before, after = flipped(100, 90, 0, 0)
    with pytest.raises(DataError, match="the baseline's accuracy is nan"):
        compare("accuracy", replace(before, metrics=metrics), after, max_drop=0.1)
