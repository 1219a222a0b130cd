"""Limits of a metric, and the verdict on a value.

The verdict is `pass` or `fail` if the data is sufficient, else `inconclusive`. It depends on the claim of the limit:

- A *declared* floor is a claim about all similar rows ("accuracy is at least 0.85"). It fails if the whole 95%
  interval is below it, passes if the whole interval is above it, and is inconclusive otherwise.
- A *calibrated* floor is a claim about exactly these rows ("a healthy model stays above 0.8512 on them"). The noise of
  rows is the same in every run, and the floor already includes the noise of seeds. The verdict therefore depends only
  on the value. On 408 rows the interval has a half-width of 3 points: with it, the same floor would miss drops of up
  to 3 points more, and healthy runs would be inconclusive in every session.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from pytest_ftcheck.gates.tolerance import FALSE_ALARMS, SeedStatistics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_ftcheck.gates.intervals import Interval

Status: TypeAlias = Literal["pass", "fail", "inconclusive", "ungated"]
_WORST_FIRST: tuple[Status, ...] = ("fail", "inconclusive", "pass", "ungated")


@dataclass(frozen=True)
class Limits:
    """The limits of one metric."""

    limit: float | None = None
    """Floor, or ceiling where smaller is better; None where only a drop is limited."""
    greater_is_better: bool = True
    """Whether ``limit`` is a floor."""
    calibrated: SeedStatistics | None = None
    """Statistics of the seeds of a calibrated limit, on the judged rows; None for a declared limit, and for a limit
    that was calibrated on other rows."""
    max_drop: float | None = None
    """Allowed drop against the baseline; None where the drop is not limited."""
    relative: bool = False
    """True: ``max_drop`` is a fraction of the baseline's value, not in the unit of the metric."""
    false_alarms: float = FALSE_ALARMS
    """Fraction of a healthy model's comparisons, with its baseline or over several seeds, that may fail: the rate of a
    session divided by its number of gates."""

    @property
    def kind(self) -> Literal["floor", "ceiling"]:
        """Name of the limit."""
        return "floor" if self.greater_is_better else "ceiling"

    @property
    def side(self) -> Literal["at least", "at most"]:
        """Name of the limit's good side."""
        return "at least" if self.greater_is_better else "at most"

    def met_by(self, value: float) -> bool:
        """Return whether a value is finite and on the good side of the limit or equal to it; False without a limit."""
        if self.limit is None or not math.isfinite(value):
            return False
        return value >= self.limit if self.greater_is_better else value <= self.limit

    def status(self, value: float, interval: Interval | None) -> Status:
        """Return the verdict on a value; see the module's docstring.

        Args:
            value: value of the metric.
            interval: interval of the value; None where there cannot be one: the verdict then depends only on the
                value. With an unknown interval (too few rows, no spread), a value on the good side is inconclusive.

        """
        if self.limit is None:
            return "ungated"
        met = self.met_by(value)
        by_value: Status = "pass" if met else "fail"
        if interval is None or self.calibrated is not None or not math.isfinite(value):
            return by_value
        return "inconclusive" if self.limit in interval or (met and not interval.known) else by_value


def worst(statuses: Iterable[Status]) -> Status:
    """Return the worst verdict, in the order fail, inconclusive, pass; ``ungated`` for no verdicts."""
    return min(statuses, key=_WORST_FIRST.index, default="ungated")
