"""Proposals for a card from calibrated seeds: limits and an allowed drop for every metric, at one false-alarm rate."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_ftcheck.gates.calibration import Proposal, Session, propose_limit
from pytest_ftcheck.gates.paired import drop_bound
from pytest_ftcheck.gates.tolerance import FALSE_ALARMS, Scale

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ftcheck.heads.trivial import Trivial

_DIGITS = 1e4
_FEWEST_ROWS = 30
"""Minimum number of rows of a slice. With this number, if some rows change with the seed, the bound from ten seeds is
25 to 40 points below their mean; with fewer rows, nearly any model would pass."""


@dataclass(frozen=True)
class SliceProposal:
    """The proposal for one slice of a metric."""

    name: str
    limit: Proposal
    rows: int
    """Number of rows of the slice, evaluated by every seed."""


@dataclass(frozen=True)
class CardProposal:
    """The proposal for one metric of a card."""

    limit: Proposal
    max_drop: float | None
    """Upper bound of a healthy run's drop against the baseline; None where the limit is refused."""
    rows: int
    """N, rows evaluated by every seed; limit and drop do not apply to other rows."""
    slices: Sequence[SliceProposal] = ()
    """Proposals for the slices that the card limits."""

    @property
    def metric(self) -> str:
        """Key of the metric."""
        return self.limit.metric

    def describe(self) -> list[str]:
        """Describe how limit and drop were computed, with remarks to read before they are used."""
        lines = [self.limit.describe()]
        if self.max_drop is not None:
            lines.append(
                f"{self.metric}: a healthy run is at most {self.max_drop:.4f} worse than another run of its recipe, "
                "at the same false-alarm rate: max_drop"
            )
        lines += [f"{self.metric}: {note}" for note in self.limit.notes]
        for part in self.slices:
            lines.append(part.limit.describe(part.name))
            own = [note for note in part.limit.notes if note not in self.limit.notes and part.limit.limit is not None]
            lines += [f"{self.metric}, {part.name}: {note}" for note in own]
        return lines


@dataclass(frozen=True)
class CalibratedSlice:
    """The measurements of a metric on one slice that the card limits."""

    name: str
    values: Sequence[float]
    """``[k]``, value of each seed; NaN where the seed failed, or the metric is undefined on the slice."""
    rows: int


@dataclass(frozen=True)
class CalibratedMetric:
    """The measurements of one metric."""

    metric: str
    values: Sequence[float]
    """``[k]``, value of each seed."""
    failed: Sequence[bool]
    """``[k]``, which seeds failed."""
    rows: int
    greater_is_better: bool
    trivial: Trivial | None
    """The best trivial classifier on these rows."""
    slices: Sequence[CalibratedSlice] = ()

    def gates(self, runs: int) -> int:
        """Return the number of gates: the drop against the baseline and the limits; with several runs also failures."""
        return 1 + (1 if runs == 1 else 2) * (1 + len(self.slices))


def propose_gates(
    measured: Mapping[str, Sequence[CalibratedMetric]], false_alarms: float = FALSE_ALARMS, *, runs: int = 1
) -> dict[str, list[CardProposal]]:
    """Propose limits and allowed drops for all metrics of all tasks of a session, which share one false-alarm rate.

    Args:
        measured: measurements by task.
        false_alarms: fraction of healthy models' sessions in which any gate may fail.
        runs: number of seeds of a later session, whose mean the limits judge. The drop of the median seed is judged,
            which exceeds the bound no more often than the drop of a single seed.

    Raises:
        SettingsError: fewer than 3 seeds.

    """
    gates = sum(metric.gates(runs) for metrics in measured.values() for metric in metrics)
    session = Session(gates=gates, seeds=runs, judged="each" if runs == 1 else "mean", false_alarms=false_alarms)
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
    slices = [_propose_slice(measured, part, session) for part in measured.slices]
    return CardProposal(limit, max_drop, measured.rows, slices)


def _propose_slice(measured: CalibratedMetric, part: CalibratedSlice, session: Session) -> SliceProposal:
    limit = propose_limit(
        measured.metric,
        part.values,
        rows=max(part.rows, 1),
        greater_is_better=measured.greater_is_better,
        failed=measured.failed,
        session=session,
    )
    refused = _slice_refusal(measured, part, limit) or limit.refused
    # Too few rows are also the reason where the metric is undefined on them.
    if part.rows < _FEWEST_ROWS:
        refused = (
            f"{part.rows} rows are too few: a limit is calibrated on at least {_FEWEST_ROWS}. Give more evaluation "
            "rows, or limit a larger slice."
        )
    if refused:
        limit = replace(limit, limit=None, smallest_drop=math.nan, refused=refused)
    return SliceProposal(part.name, limit, part.rows)


def _slice_refusal(measured: CalibratedMetric, part: CalibratedSlice, limit: Proposal) -> str:
    """Return why a limit of a slice has no effect or is unknown; an empty string if it is valid."""
    trained = [value for value, failed in zip(part.values, measured.failed, strict=True) if not failed]
    if undefined := sum(not math.isfinite(value) for value in trained):
        return f"the metric is undefined on these {part.rows} rows in {undefined} of {len(part.values)} seeds."
    scale = Scale.of(measured.metric)
    end = scale.low if measured.greater_is_better else scale.high
    if limit.limit is not None and (limit.limit <= end if measured.greater_is_better else limit.limit >= end):
        return (
            f"the standard deviation over seeds is {limit.calibrated.std:.4f} on these {part.rows} rows, so that a "
            "healthy model may have any value. More steps, more seeds, or more evaluation rows would help."
        )
    return ""


def _max_drop(limit: Proposal, rows: int, session: Session) -> float:
    """Return the upper bound of a healthy run's drop, rounded up; at least one row where a metric counts rows."""
    one_row = 1 / rows if math.isfinite(Scale.of(limit.metric).high) else 0.0
    bound = max(drop_bound(limit.calibrated, session.false_alarms_of_gate), one_row)
    return math.ceil(bound * _DIGITS - 1e-5) / _DIGITS
