"""What a gate can see: the smallest true drop that turns it red in 80% of the sessions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from scipy import stats

if TYPE_CHECKING:
    from pytest_ftcheck.gates.intervals import Interval
    from pytest_ftcheck.gates.tolerance import SeedStatistics

POWER = 0.8


def smallest_drop(distance: float, standard_error: float) -> float:
    """Return the smallest true drop that is seen with 80% power, in the unit of the metric.

    Args:
        distance: how far a value must fall to be judged as worse.
        standard_error: of the value that is judged, from session to session.

    """
    return distance + float(stats.norm.ppf(POWER)) * standard_error


def drop_below_interval(interval: Interval) -> float:
    """Return how far below a floor the true value must lie for its 95% interval to end below the floor, 80% power."""
    standard_error = interval.standard_error
    return smallest_drop((interval.high - interval.low) / 2, standard_error)


def drop_from_mean(calibrated: SeedStatistics, limit: float, runs: int = 1) -> float:
    """Return how far the mean over seeds must fall for a run (or the mean of several) to cross a limit, 80% power."""
    return smallest_drop(abs(calibrated.mean - limit), calibrated.std / math.sqrt(runs))
