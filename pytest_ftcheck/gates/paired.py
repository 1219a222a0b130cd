"""Is a drop against the baseline more than chance? Row by row, and from seed to seed.

A retrained model differs from its baseline for two reasons that are no regression:

- *Rows.* The models disagree in some rows. Had they the same true quality, those rows would fall to either side like
  a coin: McNemar's exact test (1947) for accuracy, `scipy.stats.binomtest` on the rows that flipped; for other metrics
  the bootstrap over pairs of rows.
- *Seeds.* Dietterich (1998, "Approximate statistical tests for comparing supervised classification learning
  algorithms", section 3.1) notes what McNemar's test leaves out: it compares two *models*, and knows nothing of how
  much one recipe varies from training to training. Two seeds of one recipe are two models, and truly differ: with many
  rows the test says so, and a retrained model fails however healthy it is. Bouthillier et al. (2021, "Accounting for
  variance in machine learning benchmarks") find this part as large as that of the rows.

On the same rows, a run with spread s over seeds differs from another by ``sqrt(2) * s``; s is measured by calibration,
from k seeds, and bounded by `drop_factor`. A drop counts as explained by chance when *either* reason explains it. That
is an intersection-union test (Berger 1982): it fails a healthy model no more often than each test alone, whichever
reason is at work, and neither rate need be split. Without a known spread, only the rows are tested: then the stated
rate holds for models that differ from the baseline in nothing but noise of rows, not for retrained ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import stats

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.gates.power import smallest_drop
from pytest_ftcheck.gates.resampling import RESAMPLES, resampled
from pytest_ftcheck.gates.row_metrics import resolve_metric, row_metric
from pytest_ftcheck.gates.tolerance import FALSE_ALARMS, drop_factor
from pytest_ftcheck.heads.confidence import label_confidence, row_losses
from pytest_ftcheck.heads.row_metrics import metric_value
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.heads.traits import CLASSES, IGNORED, LABEL_PER_TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from pytest_ftcheck.gates.tolerance import SeedStatistics
    from pytest_ftcheck.heads.own_metrics import OwnMetric
    from pytest_ftcheck.heads.row_metrics import RowMetric
    from pytest_ftcheck.runs.run import Run

_ROUNDING = 1e-9
"""0.86 - 0.85 is a little more than 0.01."""
_TAIL = 19
"""Draws that should lie beyond a drop that is just significant: at 1%, as many draws as an interval takes."""
_MOST_DRAWS = 49_999


@dataclass(frozen=True)
class ComparedRun:
    """What a comparison needs of a run, and so what a baseline keeps of the accepted one."""

    metrics: Mapping[str, float]
    """As the run reports them, and those that its outputs give."""
    rows: EvaluatedRows
    calibrated: Mapping[str, SeedStatistics] = field(default_factory=dict)
    """By metric, of several seeds of its recipe on the same rows; empty where there was no calibration."""

    @classmethod
    def of_run(
        cls, run: Run, calibrated: Mapping[str, SeedStatistics] | None = None, *, own: Iterable[OwnMetric] = ()
    ) -> ComparedRun:
        """Take what a run left.

        Args:
            run: with the outputs of every evaluated row.
            calibrated: see the attribute.
            own: metrics of other packages that a card limits, `TaskCard.own_metrics`: the run need not report them.

        Raises:
            TaskError: logits of another shape than the head's, or a metric of another package fails.
            DataError: another number of logits than of labels.

        """
        rows = EvaluatedRows.of_run(run)
        computed = {}
        if len(rows) and rows.finite:
            metrics = {name: row_metric(name, rows) for name in rows.head_rules.scoring.of_logits}
            computed = {name: metric_value(metric) for name, metric in metrics.items() if metric is not None}
            computed |= {metric.name: metric.value(rows) for metric in own}
        return cls({**computed, **run.metrics}, rows, calibrated or {})


@dataclass(frozen=True)
class Drop:
    """How far a metric fell against its baseline, and whether chance explains it."""

    metric: str
    """Its key."""
    before: float
    """Value of the accepted run."""
    after: float
    """Value of this run."""
    drop: float
    """Positive where the metric got worse, in its direction; NaN where it is not finite."""
    allowed: float
    """``max_drop``, in the unit of the metric."""
    row_pvalue: float | None
    """Chance that rows alone make so large a drop; None where the drop is allowed anyway, or the metric is not one of
    rows that we know."""
    seed_bound: float | None
    """Drop that seeds alone stay below; None where the spread over seeds is not known."""
    smallest: float
    """True drop that such a comparison shows with 80% power; NaN where neither rows nor spread are known."""
    status: Literal["pass", "fail", "inconclusive"]
    """``inconclusive``: chance explains so large a drop."""


@dataclass(frozen=True)
class Flip:
    """A row that the two models judge differently."""

    row: int
    """Index in the evaluation data set."""
    label: Any
    """Class id, or the label of a regression; of several labels a row, a list."""
    before: Any
    """What was predicted: class id, value or list."""
    after: Any
    worse: float
    """How much probability its label lost, -1 to 1; for other heads than of classes, how much the loss grew."""


@dataclass(frozen=True)
class _Test:
    sign: int
    """1 where greater is better, else -1."""
    false_alarms: float


def mcnemar(lost: int, gained: int) -> float:
    """Return the chance of so many lost rows among those that flipped, were they to fall to either side like a coin.

    Args:
        lost: rows that were right and are wrong now.
        gained: rows that were wrong and are right now.

    """
    if lost + gained == 0:
        return 1.0
    return float(stats.binomtest(lost, lost + gained, 0.5, alternative="greater").pvalue)


def drop_bound(calibrated: SeedStatistics, false_alarms: float) -> float:
    """Return the difference that two runs of one recipe stay below, in the unit of the metric."""
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

    A drop fails where it exceeds ``max_drop`` and neither rows nor seeds explain it; where one of them may, it is
    inconclusive. A metric that is no longer a finite number fails.

    Args:
        metric: key.
        before: the baseline, with the spread over seeds where it is known.
        after: the run; its calibration is not looked at.
        max_drop: that is allowed, in the unit of the metric.
        relative: ``max_drop`` is a share of the baseline's value.
        greater_is_better: direction of the metric.
        false_alarms: share of the comparisons of a healthy model that may fail; divide a session's by its gates.

    Raises:
        DataError: other rows, or no finite value in the baseline: the two cannot be compared.

    """
    check_same_rows(before.rows, after.rows)
    old, new = before.metrics.get(metric, math.nan), after.metrics.get(metric, math.nan)
    if not math.isfinite(old):
        msg = (
            f"the baseline's {metric} is {old}: nothing can be compared with it. Accept a healthy run as the baseline."
        )
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


def check_same_rows(before: EvaluatedRows, after: EvaluatedRows) -> None:
    """Refuse to compare predictions for other rows.

    Raises:
        DataError: another number of rows, no rows, or other labels.

    """
    if len(before) != len(after) or not len(after):
        msg = f"not comparable: the baseline has {len(before)} evaluated rows, the run {len(after)}."
        raise DataError(msg)
    wrong = np.flatnonzero(_differ(before.label_ids, after.label_ids))
    if wrong.size:
        msg = f"not comparable: {wrong.size} of {len(after)} labels are not the baseline's, first in row {wrong[0]}."
        raise DataError(msg)


def _differ(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell for each row whether two arrays ``[N, …]`` differ there, ``[N]``."""
    if first.shape != second.shape:
        return np.ones(len(first), dtype=np.bool_)
    return np.asarray((first != second).reshape(len(first), -1).any(axis=1))


def _row_metrics(metric: str, before: ComparedRun, after: ComparedRun) -> tuple[str, RowMetric, RowMetric] | None:
    """Return the metric of both runs as functions of rows, and its name; None where it is none, or not the same one."""
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
    # A draw for which the metric is undefined speaks for chance.
    return float((1 + (~(drops > _ROUNDING)).sum()) / (1 + draws))


def _standard_error(first: RowMetric, second: RowMetric) -> float:
    """Return the jackknife's standard error of the difference over rows; NaN for one row."""
    if first.rows < 2:  # noqa: PLR2004 - one row shows no spread
        return math.nan
    without = first.leave_one_out() - second.leave_one_out()
    return math.sqrt((first.rows - 1) * float(((without - without.mean()) ** 2).mean()))


def _smallest(allowed: float, row_error: float | None, seeds: SeedStatistics | None, rows: int, test: _Test) -> float:
    """Return the true drop that is seen with 80% power: it must pass every hurdle that `compare` sets."""
    hurdles, errors = [allowed], []
    if row_error is not None:
        # So many flips, all to the worse, are needed at least: each halves the p-value.
        fewest = math.ceil(-math.log2(test.false_alarms)) / rows
        hurdles += [float(stats.norm.isf(test.false_alarms)) * row_error, fewest]
        errors.append(row_error)
    if seeds is not None:
        hurdles.append(drop_bound(seeds, test.false_alarms))
        errors.append(math.sqrt(2) * seeds.std)
    # NumPy's maximum hands a NaN on, Python's drops it.
    return smallest_drop(float(np.max(hurdles)), float(np.max(errors))) if errors else math.nan


def flipped_rows(before: EvaluatedRows, after: EvaluatedRows) -> list[Flip]:
    """List the rows that the two models judge differently, the worst first.

    For classes: every row whose prediction changed, first those that were right and are wrong now, each group by the
    probability that the label lost. For other heads: every row whose loss grew, the most first; of tags, those with
    another tag.

    Raises:
        DataError: other rows.

    """
    check_same_rows(before, after)
    if CLASSES not in after.head_rules.traits:
        worse = row_losses(after) - row_losses(before)
        changed = ~(worse <= 0)  # an error that is NaN now grew
        if LABEL_PER_TOKEN in after.head_rules.traits:
            counts = after.label_ids != IGNORED
            changed = ((before.predictions != after.predictions) & counts).any(axis=1)
        flipped = np.flatnonzero(changed)
        order = flipped[np.argsort(-np.nan_to_num(worse[flipped], nan=math.inf), kind="stable")]
    else:
        worse = label_confidence(before) - label_confidence(after)
        flipped = np.flatnonzero(before.predictions != after.predictions)
        lost = (before.predictions == before.label_ids)[flipped]
        order = flipped[np.lexsort((-np.nan_to_num(worse[flipped], nan=1.0), ~lost))]
    columns = (after.label_ids, before.predictions, after.predictions, worse)
    return [Flip(int(row), *(column[row].tolist() for column in columns)) for row in order]
