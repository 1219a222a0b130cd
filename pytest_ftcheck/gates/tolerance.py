"""How far a healthy model may fall below its mean over seeds: one-sided tolerance bounds.

Runs of the same recipe with other seeds differ. From k of them we know their mean and their spread, both with
error: a bound "mean minus 2.33 spreads" (1% of a normal distribution) is crossed by more than 1% of later runs, since
the spread of k = 10 seeds is often too small. Two bounds take that error into account (Hahn and Meeker 1991,
*Statistical Intervals*; NIST/SEMATECH handbook, 7.2.6.3):

- the *prediction* bound, ``t(k - 1, 99%) * sqrt(1 + 1/k)`` = 2.96 spreads for k = 10: 1% of later runs cross it,
  averaged over all calibrations that one might have made. But a floor is calibrated once and then used for a year:
  where its ten seeds happened to lie close together, as in one calibration of ten, 3% and more of the sessions cross
  it, for the whole year.
- the *tolerance* bound, a quantile of the noncentral t distribution, = 3.98 spreads for k = 10 at confidence 95%: in
  19 of 20 calibrations, at most 1% of later runs cross it (0.2% on average over calibrations).

We take whichever is further away, which is the tolerance bound but where a rate is split over a hundred gates: the
rate that is stated is one that a user who calibrates once can rely on.

What is assumed: later runs are like the calibrated ones (same recipe, data and rows), and near normal on a scale on
which metrics often are (see `Scale`). No bound at 1% comes without such an assumption from fewer than 99 seeds: the
lowest of k seeds is crossed by one later run in k + 1, whatever the distribution is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from pytest_ftcheck.errors import SettingsError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FALSE_ALARMS = 0.01
"""Share of the sessions of a healthy model that may fail."""
CONFIDENCE = 0.95
"""Share of the calibrations that keep to it."""
FEWEST_SEEDS = 3
"""With two, a bound at 1% lies 39 spreads away."""

_UNIT = ("accuracy", "f1", "precision", "recall", "expected_calibration_error")
_SIGNED = ("matthews_correlation", "pearson", "pearsonr", "spearmanr")
_POSITIVE = ("loss", "mse", "brier_score")


@dataclass(frozen=True)
class SeedStatistics:
    """What calibration knows of a metric: how it differs from seed to seed of one recipe, on the same rows."""

    mean: float
    """In the unit of the metric."""
    std: float
    """Standard deviation over seeds (of a sample: divided by seeds - 1), in the unit of the metric."""
    seeds: int
    """Behind both, at least 2: those that did not fail."""
    failed: int = 0
    """Further seeds that failed: degenerate, not converged, or with a metric that is not finite."""


@lru_cache
def tolerance_factor(seeds: int, false_alarms: float, runs: int = 1) -> float:
    """Return how many spreads below the calibrated mean the bound on the mean of later runs lies.

    Args:
        seeds: calibrated, at least 2.
        false_alarms: share of healthy later means that may cross the bound: in 95% of the calibrations, and on
            average over calibrations.
        runs: later runs whose mean is judged.

    """
    shift = float(stats.norm.isf(false_alarms)) * math.sqrt(seeds / runs)
    tolerance = float(stats.nct.ppf(CONFIDENCE, seeds - 1, shift)) / math.sqrt(seeds)
    prediction = float(stats.t.isf(false_alarms, seeds - 1)) * math.sqrt(1 / seeds + 1 / runs)
    return max(tolerance, prediction)


@lru_cache
def drop_factor(seeds: int, false_alarms: float) -> float:
    """Return how many spreads of a difference its bound lies from zero, where the mean difference is known to be zero.

    Between two runs of one recipe it is zero, and the spread of the difference is sqrt(2) times that of the runs. The
    difference of two equally distributed values is symmetric, so that a skewed metric does less harm here than in
    a floor.

    Args:
        seeds: behind the spread, at least 2.
        false_alarms: share of healthy differences that may cross the bound: as for `tolerance_factor`.

    """
    freedom = seeds - 1
    tolerance = float(stats.norm.isf(false_alarms)) * math.sqrt(freedom / float(stats.chi2.isf(CONFIDENCE, freedom)))
    return max(tolerance, float(stats.t.isf(false_alarms, freedom)))


@dataclass(frozen=True)
class Scale:
    """A scale on which the values of a metric over seeds are nearer to normal than on its own.

    Shares of rows spread less, and lopsidedly, near 0 and 1; the arcsine of the square root evens that out (Anscombe
    1948) and stays finite at a perfect score, unlike the logit. Correlations go through the same after
    ``(1 + r) / 2``. Losses and errors are positive and spread in proportion: the logarithm. Others stay as they are.
    """

    low: float = -math.inf
    high: float = math.inf

    @classmethod
    def of(cls, metric: str, values: ArrayLike = ()) -> Scale:
        """Return the scale of a metric by its key; see `resolve_metric` for keys with an average.

        Of a share that is counted in percent, as SQuAD's F1 is, some of the ``values`` are above 1.
        """
        base = metric.partition(":")[0]
        if base in _UNIT:
            return cls(0.0, 100.0 if np.max(values, initial=0.0) > 1 else 1.0)
        if base in _SIGNED:
            return cls(-1.0, 1.0)
        return cls(0.0) if base in _POSITIVE else cls()

    def forward(self, values: ArrayLike) -> NDArray[np.float64]:
        """Bring values of the metric to this scale, any shape."""
        numbers = np.asarray(values, dtype=np.float64)
        if math.isfinite(self.high):
            return np.asarray(np.arcsin(np.sqrt(np.clip((numbers - self.low) / (self.high - self.low), 0, 1))))
        # A loss of zero has no logarithm; it stands as the smallest number there is.
        return np.log(np.maximum(numbers, np.finfo(np.float64).tiny)) if math.isfinite(self.low) else numbers

    def backward(self, numbers: ArrayLike) -> NDArray[np.float64]:
        """Bring numbers of this scale back to the metric, any shape; beyond its ends is at its ends."""
        values = np.asarray(numbers, dtype=np.float64)
        if math.isfinite(self.high):
            return self.low + (self.high - self.low) * np.sin(np.clip(values, 0, math.pi / 2)) ** 2
        return np.exp(values) if math.isfinite(self.low) else values


def tolerance_bound(
    metric: str,
    values: ArrayLike,
    rows: int,
    *,
    greater_is_better: bool = True,
    false_alarms: float = FALSE_ALARMS,
    runs: int = 1,
) -> NDArray[np.float64]:
    """Return what a healthy model stays above, or below where smaller is better, for many calibrations at once.

    The spread is taken as half a row at least: where ten seeds score the same, the eleventh may still miss a row.

    Args:
        metric: key, which decides the `Scale`.
        values: ``[..., k]``, of k calibrated seeds, all finite.
        rows: N, evaluated by each of them.
        greater_is_better: direction of the metric.
        false_alarms: share of healthy later means that may cross the bound.
        runs: later runs whose mean is judged.

    Returns:
        ``[...]``, in the unit of the metric, rounded outwards to four digits after the point.

    Raises:
        SettingsError: fewer than 3 seeds.

    """
    numbers = np.asarray(values, dtype=np.float64)
    seeds = numbers.shape[-1]
    if seeds < FEWEST_SEEDS:
        msg = f"a limit is calibrated from at least {FEWEST_SEEDS} seeds, better 10, got {seeds}."
        raise SettingsError(msg)
    scale = Scale.of(metric, numbers)
    scaled = scale.forward(numbers)
    mean = scaled.mean(axis=-1)
    sign = 1 if greater_is_better else -1
    unit = scale.high if math.isfinite(scale.high) else 1.0
    half_row = np.abs(mean - scale.forward(scale.backward(mean) - sign * 0.5 * unit / rows))
    spread = np.maximum(scaled.std(axis=-1, ddof=1), half_row)
    bound = scale.backward(mean - sign * tolerance_factor(seeds, false_alarms, runs) * spread)
    # Outwards, so that rounding raises no alarm; 1e-9 is what the way to the scale and back may lose.
    return np.asarray(sign * np.floor(sign * bound * 1e4 + 1e-5) / 1e4)
