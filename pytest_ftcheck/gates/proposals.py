"""From calibrated seeds to a card: a limit and an allowed drop for every metric, at one false-alarm rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ftcheck.gates.calibration import Proposal, Session, propose_limit
from pytest_ftcheck.gates.paired import drop_bound
from pytest_ftcheck.gates.tolerance import FALSE_ALARMS, Scale

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ftcheck.gates.trivial import Trivial

GATES_OF_METRIC = 2
"""The limit, and the drop against the baseline."""
_DIGITS = 1e4


@dataclass(frozen=True)
class CardProposal:
    """What calibration proposes for one metric of a card."""

    limit: Proposal
    max_drop: float | None
    """Drop against the baseline that healthy runs stay below; None where the limit is refused."""
    rows: int
    """N, evaluated by every seed: on others, neither holds."""

    @property
    def metric(self) -> str:
        """Key."""
        return self.limit.metric

    def describe(self) -> list[str]:
        """Render how limit and drop came about, and what to know before they are taken."""
        lines = [self.limit.describe()]
        if self.max_drop is not None:
            lines.append(
                f"{self.metric}: a healthy run falls no more than {self.max_drop:.4f} below another one of its recipe, "
                "at the same rate: max_drop"
            )
        return [*lines, *(f"{self.metric}: {note}" for note in self.limit.notes)]


@dataclass(frozen=True)
class CalibratedMetric:
    """What was measured of one metric."""

    metric: str
    values: Sequence[float]
    """``[k]``, of each seed."""
    failed: Sequence[bool]
    """``[k]``, which seeds failed."""
    rows: int
    greater_is_better: bool
    trivial: Trivial | None
    """The best trivial classifier on these rows."""


def propose_gates(
    measured: Mapping[str, Sequence[CalibratedMetric]], false_alarms: float = FALSE_ALARMS
) -> dict[str, list[CardProposal]]:
    """Propose limits and allowed drops for all metrics of all tasks of a session, which share one false-alarm rate.

    Args:
        measured: by task.
        false_alarms: share of the sessions of healthy models in which any gate may fail.

    Raises:
        SettingsError: fewer than 3 seeds.

    """
    gates = GATES_OF_METRIC * sum(len(metrics) for metrics in measured.values())
    session = Session(gates=gates, false_alarms=false_alarms)
    return {task: [_propose(metric, session) for metric in metrics] for task, metrics in measured.items()}


def _propose(measured: CalibratedMetric, session: Session) -> CardProposal:
    limit = propose_limit(
        measured.metric,
        measured.values,
        rows=measured.rows,
        greater_is_better=measured.greater_is_better,
        failed=measured.failed,
        trivial=measured.trivial,
        session=session,
    )
    max_drop = None if limit.limit is None else _max_drop(limit, measured.rows, session)
    return CardProposal(limit, max_drop, measured.rows)


def _max_drop(limit: Proposal, rows: int, session: Session) -> float:
    """Return the drop that a healthy run stays below, rounded up; one row at least, where a metric counts rows."""
    one_row = 1 / rows if math.isfinite(Scale.of(limit.metric).high) else 0.0
    bound = max(drop_bound(limit.calibrated, session.false_alarms_of_gate), one_row)
    return math.ceil(bound * _DIGITS - 1e-5) / _DIGITS
