"""Checks whether what two ways to compute the same leave between them is more than rounding.

Shapes: S steps (or rows), R repetitions.

A residual is the difference of two values at one step, in units of the mean absolute value over all steps: for losses,
which are positive, the mean residual is the relative change of the mean loss. Two questions are asked, because neither
is enough:

- the largest residual, against what rounding makes of it: the spread of residuals between repetitions of the first way
  that round differently, see `pytest_ftcheck.training.variants.Rounded`. It sees a defect in a few steps.
- the mean residual, against 0, by a one-sample t test with the residuals' own spread around it (Student, "The probable
  error of a mean", Biometrika 6, 1908). It sees a drift that is smaller than the noise of a step. One that is
  significant and smaller than a margin, 0.002% or the eighth part of the noise of a step, is let through, as in a test
  of equivalence (Schuirmann, J. Pharmacokinetics and Biopharmaceutics 15, 1987): two ways may round to one side.

Assumed: steps are independent, which steps of other rows from the same weights are. Of a check, four tests are made
(losses and lengths of gradients, each in two ways), each with `ALPHA`, 0.01 / 32: all eight checks of a session
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
"""Two-sided, of each test."""
_SAFETY = 3.0
"""Of the largest residual: attention and sums round within a layer too, which the repetitions do not perturb."""
_ONE_SIDED = 8.0
"""Rounding may lean to one side by the eighth part of its own spread, as sums in another order do in half precision."""
_POWER = 1.645
"""Quantile of a normal distribution: a drift is found in 95% of the trials."""
_FEWEST = 2
"""Values that have a spread."""
_RESERVE = 0.8
"""Of the drift that is to be found, when steps are chosen: the noise is an estimate itself."""


@dataclass(frozen=True)
class Residuals:
    """What two ways leave between them, of one quantity."""

    name: str
    """Such as ``loss``."""
    values: NDArray[np.float64]
    """``[S]``."""
    sizes: NDArray[np.float64]
    """``[S]``, what the first way gives, in the same units: what is scaled leaves residuals in proportion to it."""
    noise: float
    """Root mean square of the residuals between repetitions of the first way."""
    repetitions: int
    """Residuals that the noise was taken of."""

    def largest_allowed(self, tolerance: float) -> float:
        """Return what the largest residual may be: the tolerance, or more where rounding makes more."""
        quantile = float(stats.t.isf(ALPHA / 2 / max(1, len(self.values)), max(1, self.repetitions)))
        return max(tolerance, _SAFETY * quantile * self.noise)

    def mean_allowed(self, margin: float) -> float:
        """Return what the mean residual may be: the margin, or more where rounding is coarse or residuals scatter."""
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
        """Describe what was expected and what was seen instead; None where the two ways give the same.

        Args:
            thresholds: ``tolerance`` of the largest residual, ``margin`` of the mean one.
            of: what the values are of: steps or rows.

        """
        with np.errstate(invalid="ignore"):
            return self._judged(thresholds["tolerance"], thresholds["margin"], of)

    def _judged(self, tolerance: float, margin: float, of: str) -> tuple[str, str] | None:
        if not math.isfinite(self.noise):
            return f"a finite {self.name} of repetitions that round differently", str(self.noise)
        mean, worst = float(np.mean(self.values)), int(np.argmax(np.nan_to_num(np.abs(self.values), nan=np.inf)))
        largest, count = float(self.values[worst]), len(self.values)
        most, drift = self.largest_allowed(tolerance), self.mean_allowed(margin)
        # Written so that a NaN is no agreement.
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
        name: of the quantity.
        first: ``[S]``, by the first way.
        second: ``[S]``, by the second way.
        null: ``[R, S]``, by the way of ``base``, rounded differently.
        base: ``[S]``; None where it is the first way.

    """
    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    scale = float(np.mean(np.abs(one))) or 1.0
    others = np.asarray(null, np.float64).reshape(-1, len(one))
    repeated = one if base is None else np.asarray(base, np.float64)
    with np.errstate(invalid="ignore"):  # what is not finite is judged, and red
        noise = float(np.sqrt(np.mean(((others - repeated) / scale) ** 2))) if others.size else 0.0
        return Residuals(name, (two - one) / scale, np.abs(one) / scale, noise, others.size)


def steps_needed(noise: float, drift: float, choices: Sequence[int]) -> int:
    """Return how many steps find a drift in 95% of the trials: the fewest of the choices, or the most there are.

    Args:
        noise: root mean square of the residuals between repetitions.
        drift: relative, that is to be found.
        choices: in increasing order.

    """
    for steps in choices:
        error = math.sqrt(2) * noise / math.sqrt(steps)  # both ways round
        if (float(stats.t.isf(ALPHA / 2, steps - 1)) + _POWER) * error <= _RESERVE * drift:
            return steps
    return choices[-1]


def _percent(value: float) -> str:
    return f"{100 * value:.2g}%"


def _signed(value: float) -> str:
    return f"{100 * value:+.3g}%"
