"""Judges several seeds of one recipe: their mean, and the number of failed seeds.

The method follows MLPerf Training's reference convergence points ("RCPs", MLPerf Training Rules, section 13;
``rcp_checker`` of ``mlcommons/logging``), in the opposite direction. There, the reference is trained with 2N seeds, a
submission with N; both means leave out the best and the worst run. A pooled one-sided t-test rejects a submission whose
mean number of epochs to the target is *smaller* than the reference's by more than chance, because such hyperparameters
change the task. More than one run that does not converge (of 40, more than four) also rejects a submission.
Here a mean is rejected if it is *worse* by more than chance, and the number of failed runs is compared with the
calibration. Runs are left out of the mean because they failed, not because they are extreme: a collapsed run would
make a t interval too wide to fail anything, so that failed runs are counted instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from pytest_ftcheck.findings import Finding
from pytest_ftcheck.gates.intervals import seed_interval
from pytest_ftcheck.gates.limits import Limits, worst
from pytest_ftcheck.gates.power import drop_from_mean, smallest_drop
from pytest_ftcheck.gates.tolerance import FALSE_ALARMS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pytest_ftcheck.gates.intervals import Interval
    from pytest_ftcheck.gates.limits import Status
    from pytest_ftcheck.gates.tolerance import SeedStatistics


@dataclass(frozen=True)
class SeedsVerdict:
    """The verdict on one metric over several seeds."""

    metric: str
    mean: float
    """Mean over the seeds that did not fail; NaN where all failed."""
    interval: Interval
    """Interval of the mean over seeds: each end alone is a one-sided bound at the false-alarm rate, 99% by default."""
    values: Mapping[int, float]
    """Values by seed, with failed seeds."""
    worst_seed: int
    """The seed with the lowest value, or the highest where smaller is better; the first seed with NaN, if any."""
    failed: tuple[int, ...]
    """Failed seeds: reported as failed, or without a finite value."""
    rows: int
    limits: Limits
    smallest_drop: float | None
    """Smallest true drop of the mean that is detected with 80% power: below the mean of the calibrated seeds, or below
    a declared limit. None where it is unknown."""
    status: Status
    """The worse verdict of mean and failed runs."""
    findings: tuple[Finding, ...]
    """Findings that fail or are inconclusive: ``metrics.seeds``, ``metrics.failed_runs``."""


def judge_seeds(
    metric: str,
    values: Mapping[int, float],
    limits: Limits,
    *,
    rows: int,
    subject: str,
    failed: Collection[int] = (),
    max_failed: int = 0,
) -> SeedsVerdict:
    """Judge the mean of a metric over seeds, and the number of failed runs.

    The mean fails a declared limit if the one-sided t bound over seeds is on its bad side, and is inconclusive if the
    limit is between both bounds. The bounds cover further seeds on these rows, not other rows. A limit that was
    calibrated for a mean of this number of seeds (`Session.judged`) is compared with the mean itself. Mean and failed
    runs are two gates: count both where a rate is split.

    Args:
        metric: key.
        values: values by seed, at least one.
        limits: limits of the mean; with a calibration, failed runs are compared with its failed runs.
        rows: N, rows evaluated by each seed.
        subject: model and data, for messages.
        failed: seeds whose run is degenerate or did not converge; seeds without a finite value or rows fail, too.
        max_failed: allowed number of failed runs.

    """
    lost = tuple(seed for seed, value in values.items() if seed in failed or not rows or not math.isfinite(value))
    kept = np.array([value for seed, value in values.items() if seed not in lost], dtype=np.float64)
    mean = float(kept.mean()) if kept.size else math.nan
    interval = seed_interval(kept, confidence=1 - 2 * limits.false_alarms)
    by_mean = limits.status(mean, interval)
    if not kept.size:
        by_mean = "fail"
    by_failed = failed_runs(
        len(lost),
        len(values),
        max_failed=max_failed,
        calibrated=limits.calibrated,
        false_alarms=limits.false_alarms,
    )
    place = f"{metric} of {subject}, {len(values)} seeds ({rows} rows)"
    sign = 1 if limits.greater_is_better else -1
    worst_seed = min(values, key=lambda seed: sign * values[seed] if math.isfinite(values[seed]) else -math.inf)
    observed = f"{mean:.4f}{_bounds(interval, limits)}, worst seed {worst_seed}: {values[worst_seed]:.4f}"
    allowed = f"at most {max_failed} failed runs of {len(values)}"
    findings = [
        _mean_finding(place, observed, limits, by_mean),
        _failed_finding(place, lost, allowed, limits.calibrated, by_failed),
    ]
    return SeedsVerdict(
        metric=metric,
        mean=mean,
        interval=interval,
        values=dict(values),
        worst_seed=worst_seed,
        failed=lost,
        rows=rows,
        limits=limits,
        smallest_drop=_smallest_drop(kept, interval, limits),
        status=worst([by_mean, by_failed]),
        findings=tuple(finding for finding in findings if finding is not None),
    )


def failed_runs(
    failed: int,
    runs: int,
    *,
    max_failed: int = 0,
    calibrated: SeedStatistics | None = None,
    false_alarms: float = FALSE_ALARMS,
) -> Status:
    """Judge the number of failed runs.

    More than the allowed number fails, with one exception: if a calibration has measured how often the recipe fails,
    and chance explains the difference by Boschloo's exact test (1970, `scipy.stats.boschloo_exact`), the verdict is
    inconclusive. Compared with none of ten, that is one or two failed runs of five: ten seeds cannot distinguish a
    recipe that never fails from one that fails in one of seven runs. If all runs failed, the verdict is always fail.

    Args:
        failed: number of failed runs.
        runs: number of all runs.
        max_failed: allowed number of failed runs.
        calibrated: statistics with the number of failed runs of the calibration.
        false_alarms: fraction of sessions in which a recipe that fails no more often than calibrated fails the test.

    """
    if failed <= max_failed:
        return "pass"
    if calibrated is None or failed == runs:
        return "fail"
    table = [[failed, calibrated.failed], [runs - failed, calibrated.seeds]]
    explained = float(stats.boschloo_exact(table, alternative="greater").pvalue) > false_alarms
    return "inconclusive" if explained else "fail"


def _smallest_drop(kept: np.typing.NDArray[np.float64], interval: Interval, limits: Limits) -> float | None:
    if limits.limit is None or not interval.known:
        return None
    if limits.calibrated is not None:
        return drop_from_mean(limits.calibrated, limits.limit, len(kept))
    return smallest_drop((interval.high - interval.low) / 2, float(kept.std(ddof=1)) / math.sqrt(len(kept)))


def _bounds(interval: Interval, limits: Limits) -> str:
    if not interval.known:
        return ""
    return f" (over seeds, {1 - limits.false_alarms:.4g} bounds {interval.low:.4f} and {interval.high:.4f})"


def _mean_finding(place: str, observed: str, limits: Limits, status: Status) -> Finding | None:
    if status not in {"fail", "inconclusive"}:
        return None
    expected = "runs that converge" if limits.limit is None else f"a mean of {limits.side} {limits.limit:.4f}"
    if status == "inconclusive":
        hint = f"too few seeds to decide whether the mean meets the {limits.kind}: run more seeds."
    else:
        hint = (
            "the recipe got worse, not one seed: compare data, recipe and versions with the last session that passed."
        )
    return Finding("metrics.seeds", place, expected, observed, hint)


def _failed_finding(
    place: str, lost: tuple[int, ...], expected: str, calibrated: SeedStatistics | None, status: Status
) -> Finding | None:
    if status not in {"fail", "inconclusive"}:
        return None
    if calibrated is not None:
        expected += f" (calibration: {calibrated.failed} of {calibrated.seeds + calibrated.failed})"
    return Finding(
        check="metrics.failed_runs",
        subject=place,
        expected=expected,
        observed=f"{len(lost)} failed: seed {', '.join(map(str, lost))}"
        + (", inconclusive: chance may explain it" if status == "inconclusive" else ""),
        hint="a run failed if it predicts only one class, diverges, or has a metric that is not a number. Look for "
        "a learning rate that is too high, a missing warmup, or half precision; train that seed alone to debug it.",
    )
