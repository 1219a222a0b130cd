"""Tests whether a drop against the baseline is larger than chance: over rows, and over seeds.

A retrained model differs from its baseline for two reasons that are not regressions:

- *Rows.* The models disagree in some rows. With equal true quality, each of these rows is lost or gained with
  probability 1/2: McNemar's exact test (1947) for accuracy, `scipy.stats.binomtest` on the rows whose prediction
  changed; for other metrics the bootstrap over pairs of rows.
- *Seeds.* Dietterich (1998, "Approximate statistical tests for comparing supervised classification learning
  algorithms", section 3.1) notes a limitation of McNemar's test: it compares two *models*, and ignores the variation of
  one recipe between trainings. Two seeds of one recipe are two models, and truly differ: with many rows the test
  detects that, and a healthy retrained model fails. Bouthillier et al. (2021, "Accounting for variance in machine
  learning benchmarks") find this part as large as that of the rows.

On the same rows, a run with spread s over seeds differs from another by ``sqrt(2) * s``; s is measured by calibration,
from k seeds, and bounded by `drop_factor`. A drop counts as explained by chance if *either* reason explains it. That
is an intersection-union test (Berger 1982): it fails a healthy model no more often than each test alone, for any
reason, so that the rate need not be split. Without a known spread, only the rows are tested: the stated rate then
holds for models that differ from the baseline only by noise of rows, not for retrained models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.gates.compared_run import check_same_rows
from pytest_ftcheck.gates.power import smallest_drop
from pytest_ftcheck.gates.resampling import RESAMPLES, resampled
from pytest_ftcheck.gates.row_metrics import resolve_metric, row_metric
from pytest_ftcheck.gates.tolerance import FALSE_ALARMS, drop_factor
from pytest_ftcheck.heads.traits import CLASSES

if TYPE_CHECKING:
    from pytest_ftcheck.gates.compared_run import ComparedRun
    from pytest_ftcheck.gates.tolerance import SeedStatistics
    from pytest_ftcheck.heads.row_metrics import RowMetric

_ROUNDING = 1e-9
"""Tolerance for rounding: in floating point, 0.86 - 0.85 is slightly more than 0.01."""
_TAIL = 19
"""Number of draws beyond a just significant drop; at 1%, this needs as many draws as an interval."""
_MOST_DRAWS = 49_999


@dataclass(frozen=True)
class Drop:
    """The drop of a metric against its baseline, and whether chance explains it."""

    metric: str
    """Key of the metric."""
    before: float
    """Value of the accepted run."""
    after: float
    """Value of this run."""
    drop: float
    """Positive where the metric got worse, in its direction; NaN where the value is not finite."""
    allowed: float
    """``max_drop``, in the unit of the metric."""
    row_pvalue: float | None
    """p-value of the drop over rows; None where the drop is allowed, or the metric cannot be computed from rows."""
    seed_bound: float | None
    """Upper bound of drops between seeds of one recipe; None where the spread over seeds is unknown."""
    smallest: float
    """Smallest true drop that the comparison detects with 80% power; NaN where rows and spread are unknown."""
    status: Literal["pass", "fail", "inconclusive"]
    """``inconclusive``: chance explains the drop."""


@dataclass(frozen=True)
class _Test:
    sign: int
    """1 where greater is better, else -1."""
    false_alarms: float


def mcnemar(lost: int, gained: int) -> float:
    """Return the p-value of this number of lost rows, if each changed row is lost with probability 1/2.

    Args:
        lost: rows that were right and are wrong now.
        gained: rows that were wrong and are right now.

    """
    if lost + gained == 0:
        return 1.0
    return float(stats.binomtest(lost, lost + gained, 0.5, alternative="greater").pvalue)


def drop_bound(calibrated: SeedStatistics, false_alarms: float) -> float:
    """Return the upper bound of the difference of two runs of one recipe, in the unit of the metric."""
    return drop_factor(calibrated.seeds, false_alarms) * math.sqrt(2) * calibrated.std


def compare(
    metric: str,
    before: ComparedRun,
    after: ComparedRun,
    *,
    max_drop: float,
    relative: bool = False,
    greater_is_better: bool = True,
    false_alarms: float = FALSE_ALARMS,
) -> Drop:
    """Compare one metric of a run with its baseline, on the same rows.

    A drop fails if it exceeds ``max_drop`` and neither rows nor seeds explain it; if one of them may explain it, it is
    inconclusive. A metric that is not a finite number fails.

    Args:
        metric: key.
        before: the baseline, with the spread over seeds if it is known.
        after: the run; its calibration is not used.
        max_drop: allowed drop, in the unit of the metric.
        relative: True: ``max_drop`` is a fraction of the baseline's value.
        greater_is_better: direction of the metric.
        false_alarms: fraction of a healthy model's comparisons that may fail: the rate of a session divided by its
            number of gates.

    Raises:
        DataError: the rows differ, or the baseline has no finite value.

    """
    check_same_rows(before.rows, after.rows)
    old, new = before.metrics.get(metric, math.nan), after.metrics.get(metric, math.nan)
    if not math.isfinite(old):
        msg = f"the baseline's {metric} is {old}, which cannot be compared. Accept a healthy run as the baseline."
        raise DataError(msg)
    allowed = max_drop * abs(old) if relative else max_drop
    drop = (old - new if greater_is_better else new - old) if math.isfinite(new) else math.nan
    seeds = before.calibrated.get(metric)
    bound = None if seeds is None else drop_bound(seeds, false_alarms)
    test = _Test(1 if greater_is_better else -1, false_alarms)
    found = _row_metrics(metric, before, after)
    pvalue = None
    status: Literal["pass", "fail", "inconclusive"] = "pass"
    if math.isnan(drop):
        status = "fail"
    elif drop > allowed + _ROUNDING:
        pvalue = None if found is None else _row_pvalue(found, before, after, test)
        by_rows = pvalue is not None and pvalue > false_alarms
        by_seeds = bound is not None and drop <= bound
        status = "inconclusive" if by_rows or by_seeds else "fail"
    row_error = None if found is None else _standard_error(*found[1:])
    smallest = _smallest(allowed, row_error, seeds, len(before.rows), test)
    return Drop(metric, old, new, drop, allowed, pvalue, bound, smallest, status)


def _row_metrics(metric: str, before: ComparedRun, after: ComparedRun) -> tuple[str, RowMetric, RowMetric] | None:
    """Return name and row metrics of both runs; None where it cannot be computed from rows or they do not match."""
    if not (before.rows.finite and after.rows.finite):
        return None
    names = {resolve_metric(metric, run.rows, run.metrics.get(metric)) for run in (before, after)}
    name = names.pop()
    if names or name is None:
        return None
    first, second = row_metric(name, before.rows), row_metric(name, after.rows)
    return None if first is None or second is None else (name, first, second)


def _row_pvalue(found: tuple[str, RowMetric, RowMetric], before: ComparedRun, after: ComparedRun, test: _Test) -> float:
    """Return the one-sided p-value over rows."""
    name, first, second = found
    if name == "accuracy" and CLASSES in before.rows.head_rules.traits:
        was, now = (run.rows.predictions == run.rows.label_ids for run in (before, after))
        return mcnemar(int((was & ~now).sum()), int((now & ~was).sum()))
    draws = min(max(RESAMPLES, math.ceil(_TAIL / test.false_alarms)), _MOST_DRAWS)
    drops = resampled(lambda counts: test.sign * (first.over(counts) - second.over(counts)), first.rows, draws)
    # A draw with an undefined metric counts as no drop.
    return float((1 + (~(drops > _ROUNDING)).sum()) / (1 + draws))


def _standard_error(first: RowMetric, second: RowMetric) -> float:
    """Return the jackknife standard error of the difference over rows; NaN for one row."""
    if first.rows < 2:  # one row shows no spread
        return math.nan
    without = first.leave_one_out() - second.leave_one_out()
    return math.sqrt((first.rows - 1) * float(((without - without.mean()) ** 2).mean()))


def _smallest(allowed: float, row_error: float | None, seeds: SeedStatistics | None, rows: int, test: _Test) -> float:
    """Return the smallest true drop detected with 80% power: it must exceed every threshold of `compare`."""
    hurdles, errors = [allowed], []
    if row_error is not None:
        # Minimum number of changed rows, all of them worse: each halves the p-value.
        fewest = math.ceil(-math.log2(test.false_alarms)) / rows
        hurdles += [float(stats.norm.isf(test.false_alarms)) * row_error, fewest]
        errors.append(row_error)
    if seeds is not None:
        hurdles.append(drop_bound(seeds, test.false_alarms))
        errors.append(math.sqrt(2) * seeds.std)
    # NumPy's maximum propagates NaN; Python's may not.
    return smallest_drop(float(np.max(hurdles)), float(np.max(errors))) if errors else math.nan
