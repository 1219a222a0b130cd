"""What is asked of a metric, and what a value says to it.

`pass` and `fail` are said where the data settles it, `inconclusive` where it does not. What settles it depends on what
the limit claims:

- A *declared* floor is a claim about any rows like these ("accuracy is at least 0.85"). It fails where the whole 95%
  interval lies below it, passes where the whole interval lies above it, and is inconclusive in between.
- A *calibrated* floor is a claim about these very rows ("a healthy model stays above 0.8512 on them"): the noise of
  rows is the same in every run and cannot excuse one, and the noise of seeds is in the floor already. It passes or
  fails by the value alone. On 408 rows the interval reaches 3 points to either side: judged by it, the same floor
  would miss drops that are 3 points larger, and call healthy runs inconclusive session after session.
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
    """What is asked of one metric."""

    limit: float | None = None
    """Floor, or ceiling where smaller is better; None where only a baseline is asked for."""
    greater_is_better: bool = True
    """Whether ``limit`` is a floor."""
    calibrated: SeedStatistics | None = None
    """Of the seeds that the limit comes from, on the very rows that are judged; None for a declared limit, and for a
    calibrated one on other rows."""
    max_drop: float | None = None
    """Drop against the baseline that is allowed; None where no baseline is asked for."""
    relative: bool = False
    """``max_drop`` is a share of the baseline's value, not in the unit of the metric."""
    false_alarms: float = FALSE_ALARMS
    """Share of the comparisons of a healthy model, with its baseline or over several seeds, that may fail. Divide a
    session's by its gates."""

    @property
    def kind(self) -> Literal["floor", "ceiling"]:
        """What the limit is called."""
        return "floor" if self.greater_is_better else "ceiling"

    @property
    def side(self) -> Literal["at least", "at most"]:
        """Which side of the limit is the good one."""
        return "at least" if self.greater_is_better else "at most"

    def met_by(self, value: float) -> bool:
        """Tell whether a value is finite and on the good side of the limit, or on it; never where there is none."""
        if self.limit is None or not math.isfinite(value):
            return False
        return value >= self.limit if self.greater_is_better else value <= self.limit

    def status(self, value: float, interval: Interval | None) -> Status:
        """Return the verdict on a value; see the module.

        Args:
            value: of the metric.
            interval: of the value; None where none can be had, and the value alone decides. Where it should be
                there but is unknown (too few rows, no spread), a value on the good side is inconclusive.

        """
        if self.limit is None:
            return "ungated"
        met = self.met_by(value)
        by_value: Status = "pass" if met else "fail"
        if interval is None or self.calibrated is not None or not math.isfinite(value):
            return by_value
        return "inconclusive" if self.limit in interval or (met and not interval.known) else by_value


def worst(statuses: Iterable[Status]) -> Status:
    """Return the worst of several verdicts: fail, then inconclusive, then pass; ``ungated`` where there are none."""
    return min(statuses, key=_WORST_FIRST.index, default="ungated")
