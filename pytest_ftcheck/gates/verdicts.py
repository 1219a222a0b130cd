"""The verdict on a metric by its limit, its interval and its baseline."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_ftcheck.gates.compared_run import ComparedRun
from pytest_ftcheck.gates.intervals import UNKNOWN, row_interval
from pytest_ftcheck.gates.limits import worst
from pytest_ftcheck.gates.paired import compare
from pytest_ftcheck.gates.power import drop_below_interval, drop_from_mean
from pytest_ftcheck.gates.row_metrics import resolve_metric
from pytest_ftcheck.gates.wording import drop_finding, limit_finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.gates.intervals import Interval
    from pytest_ftcheck.gates.limits import Limits, Status
    from pytest_ftcheck.gates.paired import Drop
    from pytest_ftcheck.gates.slices import SliceScore
    from pytest_ftcheck.heads.rows import EvaluatedRows
    from pytest_ftcheck.runs.run import Run


@dataclass(frozen=True)
class Verdict:
    """The verdict on one metric of one run, or of one slice of it."""

    metric: str
    value: float
    """Value of the metric; NaN where it is missing."""
    interval: Interval | None
    """95% interval over rows; None for a metric that cannot be computed from rows."""
    rows: int
    limits: Limits
    smallest_drop: float | None
    """Smallest true drop that is detected with 80% power: below the mean of the seeds for a calibrated limit, below the
    limit for a declared one, against the baseline where there is no limit. None where it is unknown."""
    drop: Drop | None
    """Drop against the baseline; None without a baseline or without a limit of the drop."""
    status: Status
    """The worse verdict of limit and baseline."""
    findings: tuple[Finding, ...]
    """Findings that fail or are inconclusive: ``metrics.floor``, ``metrics.ceiling``, ``metrics.baseline``."""
    missing: bool = False
    """True if the metric was not reported."""


def judge(
    run: Run | ComparedRun, metric: str, limits: Limits, *, subject: str, baseline: ComparedRun | None = None
) -> Verdict:
    """Judge one metric of a run against its limit and its baseline.

    A metric that is not reported but follows from the logits (``expected_calibration_error``, ``brier_score``)
    is computed here.

    Args:
        run: the run, or the result of `ComparedRun.of_run`.
        metric: key.
        limits: limits of the metric.
        subject: model and data, for messages.
        baseline: the accepted run; used if ``limits.max_drop`` is set.

    Raises:
        DataError: the baseline has other rows, or no finite value.
        TaskError: the shape of the logits does not fit the head.

    """
    this = run if isinstance(run, ComparedRun) else ComparedRun.of_run(run)
    # Without rows, a reported value does not count: a calibrated limit would accept it.
    value = this.metrics.get(metric, math.nan) if len(this.rows) else math.nan
    drop = None
    if baseline is not None and limits.max_drop is not None:
        drop = compare(
            metric,
            baseline,
            this,
            max_drop=limits.max_drop,
            relative=limits.relative,
            greater_is_better=limits.greater_is_better,
            false_alarms=limits.false_alarms,
        )
    interval = _interval(metric, value, this.rows)
    verdict = _verdict(metric, value, interval, limits, rows=len(this.rows), subject=subject, drop=drop)
    return verdict if metric in this.metrics else not_reported(verdict, this.metrics)


def not_reported(verdict: Verdict, metrics: Iterable[str]) -> Verdict:
    """Return the verdict with findings for a missing metric, which differ from those for NaN.

    Args:
        verdict: verdict on the missing metric.
        metrics: keys of the reported metrics.

    """
    observed = f"the metric is not reported; reported are: {', '.join(metrics) or 'none'}"
    hint = "look for the name under which compute_metrics returns it, without eval_."
    findings = tuple(replace(found, observed=observed, hint=hint) for found in verdict.findings)
    return replace(verdict, findings=findings, missing=True)


def judge_value(metric: str, value: float, limits: Limits, *, subject: str) -> Verdict:
    """Judge a value without rows by its limit, without an interval.

    Args:
        metric: key.
        value: value of the metric; NaN where it is missing.
        limits: limits of the metric; ``max_drop`` is ignored.
        subject: model and data, for messages.

    """
    return _verdict(metric, value, None, limits, rows=0, subject=subject, drop=None)


def judge_slice(score: SliceScore, limits: Limits, *, subject: str) -> Verdict:
    """Judge a metric on one slice against the limit of the slice.

    Args:
        score: result of `slice_scores`.
        limits: limits of the slice.
        subject: model and data, for messages; the name of the slice is added.

    """
    place = f"{subject}, {score.name}"
    return _verdict(score.metric, score.value, score.interval, limits, rows=score.rows, subject=place, drop=None)


def _interval(metric: str, value: float, rows: EvaluatedRows) -> Interval | None:
    if not len(rows) or not rows.finite:
        return UNKNOWN
    return row_interval(resolve_metric(metric, rows, value), rows)


def _verdict(
    metric: str, value: float, interval: Interval | None, limits: Limits, *, rows: int, subject: str, drop: Drop | None
) -> Verdict:
    by_limit = limits.status(value, interval)
    by_drop: Status = "ungated" if drop is None else drop.status
    place = f"{metric} of {subject}" + (f" ({rows} rows)" if rows or interval is not None else "")
    findings = [
        limit_finding(place, value, interval, limits, by_limit),
        *([] if drop is None else [drop_finding(place, drop)]),
    ]
    return Verdict(
        metric=metric,
        value=value,
        interval=interval,
        rows=rows,
        limits=limits,
        smallest_drop=_smallest_drop(interval, limits, drop),
        drop=drop,
        status=worst([by_limit, by_drop]),
        findings=tuple(finding for finding in findings if finding is not None),
    )


def _smallest_drop(interval: Interval | None, limits: Limits, drop: Drop | None) -> float | None:
    if limits.limit is not None and limits.calibrated is not None:
        return drop_from_mean(limits.calibrated, limits.limit)
    if limits.limit is None and drop is not None:
        return drop.smallest
    return drop_below_interval(interval) if interval is not None and interval.known else None
