"""Power of a gate: the smallest true drop that fails it in 80% of the sessions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from scipy import stats

if TYPE_CHECKING:
    from pytest_ftcheck.gates.intervals import Interval
    from pytest_ftcheck.gates.tolerance import SeedStatistics

POWER = 0.8


def smallest_drop(distance: float, standard_error: float) -> float:
    """Return the smallest true drop that is detected with 80% power, in the unit of the metric.

    Args:
        distance: distance that a value must fall to fail.
        standard_error: standard error of the judged value between sessions.

    """
    return distance + float(stats.norm.ppf(POWER)) * standard_error


def drop_below_interval(interval: Interval) -> float:
    """Return the distance of the true value from a floor that puts its 95% interval below the floor, with 80% power."""
    standard_error = interval.standard_error
    return smallest_drop((interval.high - interval.low) / 2, standard_error)


def drop_from_mean(calibrated: SeedStatistics, limit: float, runs: int = 1) -> float:
    """Return the drop of the mean over seeds that puts a run (or a mean of runs) beyond a limit, with 80% power."""
    return smallest_drop(abs(calibrated.mean - limit), calibrated.std / math.sqrt(runs))
