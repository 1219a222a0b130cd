"""Checks whether the difference between two ways to compute the same is more than rounding.

Shapes: S steps (or rows), R repetitions.

A residual is the difference of two values at one step, in units of the mean absolute value over all steps: for losses,
which are positive, the mean residual is the relative change of the mean loss. Two tests are made, because one is not
enough:

- the largest residual against rounding: the spread of residuals between repetitions of the first way that round
  differently, see `pytest_ftcheck.training.variants.Rounded`. It detects a defect in a few steps.
- the mean residual, against 0, by a one-sample t test with the residuals' own spread around it (Student, "The probable
  error of a mean", Biometrika 6, 1908). It detects a drift that is smaller than the noise of a step. A drift that is
  significant but smaller than a margin, 0.002% or one eighth of the noise of a step, passes, as in a test of
  equivalence (Schuirmann, J. Pharmacokinetics and Biopharmaceutics 15, 1987): two ways may round in one direction.

Assumption: steps are independent, which holds for steps of other rows from the same weights. A check makes four tests
(losses and lengths of gradients, two tests each), each with `ALPHA`, 0.01 / 32: all eight checks of a session
together fail by chance in at most 1% of the sessions, by Bonferroni's inequality.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Series = Sequence[float] | NDArray[np.float64]

ALPHA = 0.01 / 32
"""Two-sided level of each test."""
_SAFETY = 3.0
"""Factor for the largest residual: attention and sums round within a layer too, which the repetitions do not change."""
_ONE_SIDED = 8.0
"""Rounding may have a bias of one eighth of its own spread, as sums in another order in half precision."""
_POWER = 1.645
"""Quantile of a normal distribution: a drift is found in 95% of the trials."""
_FEWEST = 2
"""Smallest number of values with a spread."""
_RESERVE = 0.8
"""Factor for the drift to detect when steps are chosen: the noise is an estimate itself."""


@dataclass(frozen=True)
class Residuals:
    """Differences of two ways for one quantity."""

    name: str
    """Name of the quantity, such as ``loss``."""
    values: NDArray[np.float64]
    """``[S]``."""
    sizes: NDArray[np.float64]
    """``[S]``, values of the first way, in the same units: scaled values leave residuals in proportion to them."""
    noise: float
    """Root mean square of the residuals between repetitions of the first way."""
    repetitions: int
    """Number of residuals from which the noise was estimated."""

    def largest_allowed(self, tolerance: float) -> float:
        """Return the allowed largest residual: the tolerance, or more if rounding is larger."""
        quantile = float(stats.t.isf(ALPHA / 2 / max(1, len(self.values)), max(1, self.repetitions)))
        return max(tolerance, _SAFETY * quantile * self.noise)

    def mean_allowed(self, margin: float) -> float:
        """Return the allowed mean residual: the margin, or more if rounding is coarse or residuals scatter."""
        if len(self.values) < _FEWEST:
            return math.inf
        quantile = float(stats.t.isf(ALPHA / 2, len(self.values) - 1))
        return max(margin, self.noise / _ONE_SIDED, quantile * self._error)

    def detectable(self, margin: float) -> float:
        """Return the smallest drift that is found in 95% of the trials."""
        return self.mean_allowed(margin) + _POWER * self._error

    @property
    def _error(self) -> float:
        """Standard error of the mean residual, as of a ratio of two means (Cochran, Sampling Techniques, 1977, 6.4)."""
        if len(self.values) < _FEWEST:
            return math.inf
        scattered = self.values - np.mean(self.values) * self.sizes
        return float(np.sqrt(np.sum(scattered**2) / (len(scattered) - 1) / len(scattered)))

    def judge(self, thresholds: Mapping[str, float], of: str = "steps") -> tuple[str, str] | None:
        """Describe expectation and observation; None if the two ways give the same.

        Args:
            thresholds: ``tolerance`` of the largest residual, ``margin`` of the mean one.
            of: unit of the values: steps or rows.

        """
        with np.errstate(invalid="ignore"):
            return self._judged(thresholds["tolerance"], thresholds["margin"], of)

    def _judged(self, tolerance: float, margin: float, of: str) -> tuple[str, str] | None:
        if not math.isfinite(self.noise):
            return f"a finite {self.name} of repetitions that round differently", str(self.noise)
        mean, worst = float(np.mean(self.values)), int(np.argmax(np.nan_to_num(np.abs(self.values), nan=np.inf)))
        largest, count = float(self.values[worst]), len(self.values)
        most, drift = self.largest_allowed(tolerance), self.mean_allowed(margin)
        # Written so that NaN counts as different.
        if count >= _FEWEST and not abs(mean) <= drift:
            return f"the same {self.name} on average, within {_percent(drift)} over {count} {of}", _signed(mean)
        if not abs(largest) <= most:
            return (
                f"the same {self.name} at each of {count} {of}, within {_percent(most)} of its mean",
                f"{_signed(largest)} at number {worst + 1}",
            )
        return None


def residuals(
    name: str, first: Series, second: Series, null: Sequence[Series], *, base: Series | None = None
) -> Residuals:
    """Compare the second way with the first.

    Args:
        name: name of the quantity.
        first: ``[S]``, values of the first way.
        second: ``[S]``, values of the second way.
        null: ``[R, S]``, values of the way of ``base``, rounded differently.
        base: ``[S]``; None if it is the first way.

    """
    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    scale = float(np.mean(np.abs(one))) or 1.0
    others = np.asarray(null, np.float64).reshape(-1, len(one))
    repeated = one if base is None else np.asarray(base, np.float64)
    with np.errstate(invalid="ignore"):  # values that are not finite fail later
        noise = float(np.sqrt(np.mean(((others - repeated) / scale) ** 2))) if others.size else 0.0
        return Residuals(name, (two - one) / scale, np.abs(one) / scale, noise, others.size)


def steps_needed(noise: float, drift: float, choices: Sequence[int]) -> int:
    """Return the smallest choice of steps that finds a drift in 95% of the trials, or the largest choice.

    Args:
        noise: root mean square of the residuals between repetitions.
        drift: relative drift to find.
        choices: numbers of steps in increasing order.

    """
    for steps in choices:
        error = math.sqrt(2) * noise / math.sqrt(steps)  # both ways have rounding errors
        if (float(stats.t.isf(ALPHA / 2, steps - 1)) + _POWER) * error <= _RESERVE * drift:
            return steps
    return choices[-1]


def _percent(value: float) -> str:
    return f"{100 * value:.2g}%"


def _signed(value: float) -> str:
    return f"{100 * value:+.3g}%"
