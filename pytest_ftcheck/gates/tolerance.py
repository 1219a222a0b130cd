"""One-sided tolerance bounds: how far a healthy model may be below its mean over seeds.

Runs of the same recipe with different seeds differ. k runs give estimates of their mean and spread (standard
deviation), both with error: more than 1% of later runs cross the bound "mean minus 2.33 spreads" (1% of a normal
distribution), because the spread of k = 10 seeds is often too small. Two bounds include that error (Hahn and Meeker
1991, *Statistical Intervals*; NIST/SEMATECH handbook, 7.2.6.3):

- the *prediction* bound, ``t(k - 1, 99%) * sqrt(1 + 1/k)`` = 2.96 spreads for k = 10: 1% of later runs cross it,
  averaged over all possible calibrations. But a floor is calibrated once and then used for a year: if its ten seeds
  have a small spread by chance, as in one calibration of ten, 3% or more of the sessions cross it, for the whole year.
- the *tolerance* bound, a quantile of the noncentral t distribution, = 3.98 spreads for k = 10 at confidence 95%: in
  19 of 20 calibrations, at most 1% of later runs cross it (0.2% on average over calibrations).

The bound that is further away is used. It is the tolerance bound, except where a rate is split over a hundred gates. A
user who calibrates once can rely on the stated rate.

Assumptions: later runs have the same recipe, data and rows as the calibrated runs, and are nearly normal on the scale
of the metric (see `Scale`). Without such an assumption, a bound at 1% needs at least 99 seeds: for any distribution,
one later run in k + 1 is below the lowest of k seeds.
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
"""Fraction of a healthy model's sessions that may fail."""
CONFIDENCE = 0.95
"""Fraction of calibrations for which that rate holds."""
FEWEST_SEEDS = 3
"""Minimum number of seeds: with two, a bound at 1% is 39 spreads from the mean."""

_UNIT = ("accuracy", "f1", "precision", "recall", "expected_calibration_error")
_SIGNED = ("matthews_correlation", "pearson", "pearsonr", "spearmanr")
_POSITIVE = ("loss", "mse", "brier_score")


@dataclass(frozen=True)
class SeedStatistics:
    """Statistics of a metric over the seeds of one recipe, on the same rows."""

    mean: float
    """Mean over seeds, in the unit of the metric."""
    std: float
    """Sample standard deviation over seeds (divided by seeds - 1), in the unit of the metric."""
    seeds: int
    """Number of seeds that did not fail, at least 2."""
    failed: int = 0
    """Number of further seeds that failed: degenerate, not converged, or with a metric that is not finite."""


@lru_cache
def tolerance_factor(seeds: int, false_alarms: float, runs: int = 1) -> float:
    """Return the distance of the bound of the mean of later runs from the calibrated mean, in spreads.

    Args:
        seeds: number of calibrated seeds, at least 2.
        false_alarms: fraction of healthy later means that may cross the bound, in 95% of the calibrations and on
            average over calibrations.
        runs: number of later runs whose mean is judged.

    """
    shift = float(stats.norm.isf(false_alarms)) * math.sqrt(seeds / runs)
    tolerance = float(stats.nct.ppf(CONFIDENCE, seeds - 1, shift)) / math.sqrt(seeds)
    prediction = float(stats.t.isf(false_alarms, seeds - 1)) * math.sqrt(1 / seeds + 1 / runs)
    return max(tolerance, prediction)


@lru_cache
def drop_factor(seeds: int, false_alarms: float) -> float:
    """Return the distance of the bound of a difference from zero, in spreads of the difference, for a mean of zero.

    The mean difference of two runs of one recipe is zero, and its spread is sqrt(2) times the spread of the runs. The
    difference of two identically distributed values is symmetric, so that a skewed metric affects this bound less
    than a floor.

    Args:
        seeds: number of seeds of the spread, at least 2.
        false_alarms: fraction of healthy differences that may cross the bound, as in `tolerance_factor`.

    """
    freedom = seeds - 1
    tolerance = float(stats.norm.isf(false_alarms)) * math.sqrt(freedom / float(stats.chi2.isf(CONFIDENCE, freedom)))
    return max(tolerance, float(stats.t.isf(false_alarms, freedom)))


@dataclass(frozen=True)
class Scale:
    """A transformation that brings the values of a metric over seeds closer to a normal distribution.

    Fractions of rows have a smaller and asymmetric spread near 0 and 1; the arcsine of the square root corrects that
    (Anscombe 1948) and, unlike the logit, is finite at a perfect score. Correlations use the same after
    ``(1 + r) / 2``. Losses and errors are positive, with a spread in proportion to the value: they use the logarithm.
    Other metrics stay unchanged.
    """

    low: float = -math.inf
    high: float = math.inf

    @classmethod
    def of(cls, metric: str, values: ArrayLike = ()) -> Scale:
        """Return the scale of a metric by its key; see `resolve_metric` for keys with an average.

        A fraction in percent, such as SQuAD's F1, is recognised by ``values`` above 1.
        """
        base = metric.partition(":")[0]
        if base in _UNIT:
            return cls(0.0, 100.0 if np.max(values, initial=0.0) > 1 else 1.0)
        if base in _SIGNED:
            return cls(-1.0, 1.0)
        return cls(0.0) if base in _POSITIVE else cls()

    def forward(self, values: ArrayLike) -> NDArray[np.float64]:
        """Transform values of the metric to this scale, any shape."""
        numbers = np.asarray(values, dtype=np.float64)
        if math.isfinite(self.high):
            return np.asarray(np.arcsin(np.sqrt(np.clip((numbers - self.low) / (self.high - self.low), 0, 1))))
        # A loss of zero has no logarithm; use the smallest positive number.
        return np.log(np.maximum(numbers, np.finfo(np.float64).tiny)) if math.isfinite(self.low) else numbers

    def backward(self, numbers: ArrayLike) -> NDArray[np.float64]:
        """Transform numbers of this scale to the metric, any shape; values beyond its range become the ends."""
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
    """Return the lower bound of a healthy model, or the upper bound where smaller is better, for many calibrations.

    The spread is at least half a row: if ten seeds have equal scores, the eleventh may still differ in one row.

    Args:
        metric: key, which determines the `Scale`.
        values: ``[..., k]``, values of k calibrated seeds, all finite.
        rows: N, rows evaluated by each seed.
        greater_is_better: direction of the metric.
        false_alarms: fraction of healthy later means that may cross the bound.
        runs: number of later runs whose mean is judged.

    Returns:
        ``[...]``, in the unit of the metric, rounded outwards to four decimals.

    Raises:
        SettingsError: fewer than 3 seeds.

    """
    numbers = np.asarray(values, dtype=np.float64)
    seeds = numbers.shape[-1]
    if seeds < FEWEST_SEEDS:
        msg = f"a calibration needs at least {FEWEST_SEEDS} seeds, better 10: got {seeds}."
        raise SettingsError(msg)
    scale = Scale.of(metric, numbers)
    scaled = scale.forward(numbers)
    mean = scaled.mean(axis=-1)
    sign = 1 if greater_is_better else -1
    unit = scale.high if math.isfinite(scale.high) else 1.0
    half_row = np.abs(mean - scale.forward(scale.backward(mean) - sign * 0.5 * unit / rows))
    spread = np.maximum(scaled.std(axis=-1, ddof=1), half_row)
    bound = scale.backward(mean - sign * tolerance_factor(seeds, false_alarms, runs) * spread)
    # Rounded outwards, so that rounding causes no false alarm; 1e-9 is the error of both transformations.
    return np.asarray(sign * np.floor(sign * bound * 1e4 + 1e-5) / 1e4)
