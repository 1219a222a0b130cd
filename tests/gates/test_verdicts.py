"""Verdicts: limits against values and intervals, baselines, slices, and how they are worded."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from pytest_ftcheck.gates.compared_run import ComparedRun
from pytest_ftcheck.gates.intervals import UNKNOWN, Interval, row_interval
from pytest_ftcheck.gates.limits import Limits, worst
from pytest_ftcheck.gates.slices import class_masks, slice_scores
from pytest_ftcheck.gates.tolerance import SeedStatistics
from pytest_ftcheck.gates.verdicts import judge, judge_slice, judge_value
from pytest_ftcheck.heads.rows import EvaluatedRows

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., EvaluatedRows]

SUBJECT = "mrpc with minilm-l6 on /data"
SEEDS = SeedStatistics(0.9, 0.01, 10)
AROUND = Interval(0.84, 0.90, "wilson")


@pytest.fixture
def run(classified: Make) -> ComparedRun:
    """Return a run of 408 rows and accuracy 0.8603."""
    rows = classified()
    ordered = np.where(np.arange(408) < 351, rows.label_ids, 1 - rows.label_ids)
    return ComparedRun({"accuracy": 351 / 408}, EvaluatedRows(rows.label_ids, ordered))


@pytest.mark.parametrize(
    ("limit", "status"),
    [(0.80, "pass"), (0.84, "inconclusive"), (0.87, "inconclusive"), (0.90, "inconclusive"), (0.95, "fail")],
)
def test_declared_floor_is_judged_by_the_interval(limit: float, status: str) -> None:
    assert Limits(limit).status(0.87, AROUND) == status


@pytest.mark.parametrize(("limit", "status"), [(0.95, "pass"), (0.90, "inconclusive"), (0.80, "fail")])
def test_declared_ceiling_is_judged_by_the_interval(limit: float, status: str) -> None:
    assert Limits(limit, greater_is_better=False).status(0.87, AROUND) == status


@pytest.mark.parametrize(("limit", "status"), [(0.869, "pass"), (0.87, "pass"), (0.871, "fail")])
def test_calibrated_limit_is_judged_by_the_value(limit: float, status: str) -> None:
    assert Limits(limit, calibrated=SEEDS).status(0.87, AROUND) == status


@pytest.mark.parametrize("interval", [AROUND, UNKNOWN, None])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("calibrated", [SEEDS, None])
@pytest.mark.parametrize("greater_is_better", [True, False])
def test_value_that_is_not_finite_fails(
    value: float, interval: Interval | None, calibrated: SeedStatistics | None, *, greater_is_better: bool
) -> None:
    limits = Limits(0.87, calibrated=calibrated, greater_is_better=greater_is_better)
    assert limits.status(value, interval) == "fail"


def test_limit_that_is_nan_passes_nothing() -> None:
    for interval in (AROUND, None):
        assert Limits(math.nan).status(0.87, interval) == "fail"


def test_unknown_interval_passes_nothing_silently() -> None:
    assert Limits(0.8).status(0.87, UNKNOWN) == "inconclusive"
    assert Limits(0.9).status(0.87, UNKNOWN) == "fail"


def test_metric_that_has_no_interval_is_judged_by_its_value() -> None:
    assert Limits(0.8).status(0.87, None) == "pass"
    assert Limits(0.9).status(0.87, None) == "fail"


def test_worst_of_several_verdicts() -> None:
    assert worst(["pass", "fail", "inconclusive"]) == "fail"
    assert worst(["ungated", "pass", "inconclusive"]) == "inconclusive"
    assert worst(["ungated", "pass"]) == "pass"
    assert worst([]) == "ungated"


def test_verdict_carries_what_was_measured(run: ComparedRun) -> None:
    verdict = judge(run, "accuracy", Limits(0.80), subject=SUBJECT)
    assert (verdict.status, verdict.rows, verdict.findings, verdict.drop) == ("pass", 408, (), None)
    assert verdict.interval == row_interval("accuracy", run.rows)
    assert verdict.smallest_drop == pytest.approx((1.96 + 0.842) * 0.0172, rel=0.01)


def test_calibrated_limit_knows_what_it_sees(run: ComparedRun) -> None:
    verdict = judge(run, "accuracy", Limits(0.85, calibrated=SEEDS), subject=SUBJECT)
    assert verdict.smallest_drop == pytest.approx(0.05 + 0.842 * 0.01, abs=1e-4)


def test_inconclusive_floor_is_worded(run: ComparedRun) -> None:
    (finding,) = judge(run, "accuracy", Limits(0.85), subject=SUBJECT).findings
    assert finding.check == "metrics.floor"
    assert finding.subject == f"accuracy of {SUBJECT} (408 rows)"
    assert finding.expected == "at least 0.8500"
    assert finding.observed == "0.8603 (95% interval 0.8233 to 0.8906), inconclusive: the floor is inside"
    assert "More evaluation rows narrow the interval" in finding.hint


def test_failed_floor_is_worded(run: ComparedRun) -> None:
    verdict = judge(run, "accuracy", Limits(0.95), subject=SUBJECT)
    assert verdict.status == "fail"
    (finding,) = verdict.findings
    assert finding.observed == "0.8603, 0.0897 short (95% interval 0.8233 to 0.8906)"
    assert "last run that passed" in finding.hint


def test_failed_calibrated_floor_names_the_seeds(run: ComparedRun) -> None:
    (finding,) = judge(run, "accuracy", Limits(0.87, calibrated=SEEDS), subject=SUBJECT).findings
    expected = "at least 0.8700, calibrated on 10 seeds of mean 0.9000 and standard deviation 0.0100"
    assert finding.expected == expected


def test_failed_ceiling_is_worded(run: ComparedRun) -> None:
    loud = replace(run, metrics={"loss": 0.9})
    (finding,) = judge(loud, "loss", Limits(0.5, greater_is_better=False), subject=SUBJECT).findings
    assert (finding.check, finding.expected, finding.observed) == (
        "metrics.ceiling",
        "at most 0.5000",
        "0.9000, 0.4000 over",
    )


def test_missing_metric_is_worded(run: ComparedRun) -> None:
    verdict = judge(run, "f1", Limits(0.5), subject=SUBJECT)
    assert (verdict.status, math.isnan(verdict.value)) == ("fail", True)
    assert verdict.findings[0].observed == "the metric is not reported; reported are: accuracy"


def test_difference_of_less_than_four_digits_is_shown(run: ComparedRun) -> None:
    (finding,) = judge(replace(run, metrics={"bleu": 0.49999999}), "bleu", Limits(0.5), subject=SUBJECT).findings
    assert finding.observed == "0.499999990, 0.000000010 short"


def test_metric_without_limit_and_baseline_has_no_verdict(run: ComparedRun) -> None:
    verdict = judge(run, "accuracy", Limits(max_drop=0.01), subject=SUBJECT)
    assert (verdict.status, verdict.findings) == ("ungated", ())
    assert judge(run, "accuracy", Limits(), subject=SUBJECT, baseline=run).drop is None


def test_baseline_joins_the_verdict(run: ComparedRun) -> None:
    labels = run.rows.label_ids
    better = ComparedRun(
        {"accuracy": 391 / 408}, EvaluatedRows(labels, np.where(np.arange(408) < 391, labels, 1 - labels))
    )
    verdict = judge(run, "accuracy", Limits(0.80, max_drop=0.01), subject=SUBJECT, baseline=better)
    assert verdict.status == "fail"
    assert verdict.drop is not None
    (finding,) = verdict.findings
    assert finding.check == "metrics.baseline"
    assert finding.expected == "at most 0.0100 worse than the baseline's 0.9583"
    assert finding.observed.startswith("0.9583 before, 0.8603 now, 0.0980 worse; p-value over rows 9.1e-13")
    assert "chance does not explain the drop" in finding.hint
    assert "--ftcheck-calibrate measures it" in finding.hint
    assert judge(better, "accuracy", Limits(max_drop=0.01), subject=SUBJECT, baseline=run).status == "pass"


def test_drop_that_seeds_explain_is_worded(run: ComparedRun) -> None:
    labels = run.rows.label_ids
    rows = EvaluatedRows(labels, np.where(np.arange(408) < 371, labels, 1 - labels))
    better = ComparedRun({"accuracy": 371 / 408}, rows, {"accuracy": SeedStatistics(0.9, 0.03, 10)})
    verdict = judge(run, "accuracy", Limits(max_drop=0.01), subject=SUBJECT, baseline=better)
    assert verdict.status == "inconclusive"
    assert verdict.drop is not None
    assert verdict.smallest_drop == verdict.drop.smallest
    (finding,) = verdict.findings
    assert finding.observed.endswith("; seeds explain up to 0.1624, inconclusive")
    assert "chance may explain the drop. A true drop of 0.1981 is detected in 80% of the sessions." in finding.hint
    assert "--ftcheck-calibrate" not in finding.hint


def test_vanished_metric_fails_against_its_baseline(run: ComparedRun) -> None:
    verdict = judge(replace(run, metrics={}), "accuracy", Limits(max_drop=0.5), subject=SUBJECT, baseline=run)
    assert verdict.status == "fail"
    assert verdict.findings[0].observed == "the metric is not reported; reported are: none"


def test_run_is_judged_as_it_is_and_model_calibration_is_computed(classified: Make) -> None:
    rows = classified()
    run = SimpleNamespace(
        logits=rows.logits, label_ids=rows.label_ids, head="sequence-classification", label_names=(), metrics={}
    )
    limits = Limits(0.5, greater_is_better=False)
    verdict = judge(cast("Any", run), "expected_calibration_error", limits, subject=SUBJECT)
    assert verdict.status == "pass"
    assert verdict.interval is not None
    assert verdict.value in verdict.interval


@pytest.mark.parametrize("limits", [Limits(0.5), Limits(0.5, calibrated=SEEDS)])
def test_run_without_rows_fails_whatever_it_reports(limits: Limits) -> None:
    empty = ComparedRun({"accuracy": 1.0}, EvaluatedRows(np.zeros(0, int), np.zeros(0, int)))
    verdict = judge(empty, "accuracy", limits, subject=SUBJECT)
    assert (verdict.status, verdict.rows, verdict.interval) == ("fail", 0, UNKNOWN)


def test_run_with_nan_logits_is_never_green() -> None:
    logits = np.full((3, 2), math.nan, np.float32)
    run = SimpleNamespace(
        logits=logits,
        label_ids=np.zeros(3, int),
        head="sequence-classification",
        label_names=(),
        metrics={"accuracy": 1.0},
    )
    verdict = judge(cast("Any", run), "accuracy", Limits(0.5), subject=SUBJECT)
    assert verdict.interval == UNKNOWN
    assert verdict.status == "inconclusive"
    assert "95% interval unknown" in verdict.findings[0].observed


def test_slice_is_judged_by_its_own_rows(run: ComparedRun) -> None:
    scores = slice_scores("accuracy", run.rows, class_masks(run.rows.label_ids, ["not_equivalent", "equivalent"]))
    verdicts = [judge_slice(score, Limits(0.99), subject=SUBJECT) for score in scores]
    assert [verdict.status for verdict in verdicts] == ["fail", "fail"]
    assert sum(verdict.rows for verdict in verdicts) == 408
    place = f"accuracy of {SUBJECT}, class=not_equivalent ({scores[0].rows} rows)"
    assert verdicts[0].findings[0].subject == place


@pytest.mark.parametrize(("value", "status"), [(0.7, "pass"), (0.69, "fail"), (math.nan, "fail"), (math.inf, "fail")])
def test_a_value_without_rows_is_judged_alone(value: float, status: str) -> None:
    verdict = judge_value("exact_match", value, Limits(0.7), subject="my test")
    assert (verdict.status, verdict.interval, verdict.smallest_drop, verdict.rows) == (status, None, None, 0)
    assert [finding.subject for finding in verdict.findings] == ([] if status == "pass" else ["exact_match of my test"])
