"""Several seeds: the mean, the failed runs, and which seed is worst."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pytest_ftcheck.gates.intervals import seed_interval
from pytest_ftcheck.gates.limits import Limits
from pytest_ftcheck.gates.seeds import SeedsVerdict, failed_runs, judge_seeds
from pytest_ftcheck.gates.tolerance import SeedStatistics

SUBJECT = "mrpc with tiny-bert on bundled"
VALUES = {0: 0.86, 1: 0.87, 2: 0.85, 3: 0.88, 4: 0.86}


def verdict(limits: Limits, values: dict[int, float] | None = None, **options: Any) -> SeedsVerdict:
    return judge_seeds("accuracy", values or VALUES, limits, rows=408, subject=SUBJECT, **options)


@pytest.mark.parametrize(
    ("floor", "status"), [(0.83, "pass"), (0.85, "inconclusive"), (0.88, "inconclusive"), (0.89, "fail")]
)
def test_declared_floor_is_judged_by_one_sided_bounds_of_the_mean(floor: float, status: str) -> None:
    found = verdict(Limits(floor))
    assert found.mean == pytest.approx(0.864)
    assert found.interval == seed_interval(list(VALUES.values()), confidence=0.98)
    assert found.status == status


def test_calibrated_floor_is_judged_by_the_mean() -> None:
    seeds = SeedStatistics(0.87, 0.01, 10)
    assert verdict(Limits(0.864, calibrated=seeds)).status == "pass"
    failed = verdict(Limits(0.8641, calibrated=seeds))
    assert failed.status == "fail"
    assert failed.smallest_drop == pytest.approx(0.87 - 0.8641 + 0.842 * 0.01 / math.sqrt(5), abs=1e-5)


def test_ceiling_of_the_mean() -> None:
    limits = Limits(0.80, greater_is_better=False)
    found = verdict(limits)
    assert (found.status, found.worst_seed) == ("fail", 3)
    assert found.findings[0].expected == "a mean of at most 0.8000"


def test_failed_mean_is_worded_with_the_worst_seed() -> None:
    (finding,) = verdict(Limits(0.89)).findings
    assert finding.check == "metrics.seeds"
    assert finding.subject == f"accuracy of {SUBJECT}, 5 seeds (408 rows)"
    assert finding.expected == "a mean of at least 0.8900"
    assert finding.observed == "0.8640 (over seeds, 0.99 bounds 0.8449 and 0.8831), worst seed 2: 0.8500"
    assert "not one seed" in finding.hint


def test_collapsed_run_is_counted_and_does_not_excuse_the_others() -> None:
    values = {**VALUES, 4: 0.684}
    found = verdict(Limits(0.80), values, failed=[4])
    assert found.failed == (4,)
    assert found.mean == pytest.approx(0.865)
    assert (found.status, found.worst_seed) == ("fail", 4)
    (finding,) = found.findings
    assert finding.check == "metrics.failed_runs"
    assert (finding.expected, finding.observed) == ("at most 0 failed runs of 5", "1 failed: seed 4")


def test_failed_runs_may_be_allowed() -> None:
    values = {**VALUES, 4: 0.684}
    assert verdict(Limits(0.80), values, failed=[4], max_failed=1).status == "pass"


def test_run_without_a_finite_metric_has_failed() -> None:
    found = verdict(Limits(0.80), {**VALUES, 1: math.nan})
    assert (found.failed, found.worst_seed, found.status) == ((1,), 1, "fail")


def test_all_runs_failed_is_never_green() -> None:
    for limits in (Limits(0.8), Limits()):
        found = verdict(limits, {0: math.nan, 1: math.nan}, max_failed=2)
        assert math.isnan(found.mean)
        assert found.status == "fail"
        expected = "runs that converge" if limits.limit is None else "a mean of at least 0.8000"
        assert [finding.expected for finding in found.findings] == [expected]


def test_one_seed_does_not_settle_a_declared_floor() -> None:
    found = verdict(Limits(0.8), {0: 0.9})
    assert (found.status, found.interval.known, found.smallest_drop) == ("inconclusive", False, None)
    assert "run more seeds" in found.findings[0].hint


def test_without_a_limit_only_failed_runs_are_judged() -> None:
    assert verdict(Limits()).status == "pass"
    assert verdict(Limits(), failed=[0]).status == "fail"


@pytest.mark.parametrize(
    ("failed", "before", "status"),
    [
        (0, 0, "pass"),
        (1, 0, "inconclusive"),
        (2, 0, "inconclusive"),
        (3, 0, "fail"),
        (5, 5, "fail"),
        (3, 2, "inconclusive"),
    ],
)
def test_failed_runs_are_held_against_the_calibration(failed: int, before: int, status: str) -> None:
    seeds = SeedStatistics(0.87, 0.01, 10 - before, before)
    assert failed_runs(failed, 5, calibrated=seeds) == status


def test_inconclusive_failed_run_is_worded_with_the_calibration() -> None:
    found = verdict(Limits(0.80, calibrated=SeedStatistics(0.87, 0.01, 9, 1)), failed=[2])
    assert found.status == "inconclusive"
    (finding,) = found.findings
    assert finding.expected == "at most 0 failed runs of 5 (calibration: 1 of 10)"
    assert finding.observed == "1 failed: seed 2, inconclusive: chance may explain it"


def test_seeds_without_rows_have_all_failed() -> None:
    found = judge_seeds("accuracy", VALUES, Limits(0.5), rows=0, subject=SUBJECT)
    assert (found.status, len(found.failed)) == ("fail", 5)
