"""Gates as rows of a table, each with a strip: interval, value, limit and baseline on one scale for each metric."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ftcheck.gates.records import GateRecord
from pytest_ftcheck.report.summary import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_ftcheck.gates.limits import Status
    from pytest_ftcheck.gates.records import SeedGateRecord
    from pytest_ftcheck.report.document import Document

_ROOM = 0.08
"""Fraction of the scale that stays free at each side."""


@dataclass(frozen=True)
class Strip:
    """Places on the scale, in percent from the left; None for what is unknown."""

    value: float | None
    interval: tuple[float, float] | None
    limit: float | None
    limit_is_floor: bool
    baseline: float | None
    description: str
    """The strip in words."""


@dataclass(frozen=True)
class GateRow:
    """A gate of the page."""

    metric: str
    slice: str
    run: str
    """Engine and seed."""
    value: str
    interval: str
    limit: str
    calibrated: str
    """Where a calibrated limit comes from; empty for one that was set by hand."""
    baseline: str
    status: Status
    note: str
    """What the status means here, in a few words; empty where it says all."""
    rows: int
    strip: Strip


def gate_rows(document: Document, task: str, *, of_slices: bool) -> list[GateRow]:
    """Return the gates of a task, on all rows or on slices; those over several seeds come after the single seeds."""
    known: list[GateRecord | SeedGateRecord] = [*document.gates, *document.seed_gates]
    gates = [gate for gate in known if gate.task == task and bool(gate.slice) == of_slices]
    metrics = list(dict.fromkeys(gate.metric for gate in gates))
    scales = {metric: _scale(document, [gate for gate in gates if gate.metric == metric]) for metric in metrics}
    gates.sort(key=lambda gate: metrics.index(gate.metric))
    return [_row(document, gate, scales[gate.metric]) for gate in gates]


def _row(document: Document, gate: GateRecord | SeedGateRecord, scale: tuple[float, float]) -> GateRow:
    before = baseline_of(document, gate)
    missing = informs = False
    if isinstance(gate, GateRecord):
        missing, informs = gate.missing, gate.informs and gate.status != "ungated"
        run = f"{gate.engine}, seed {gate.seed}"
    else:
        run = f"{gate.engine}, mean of {len(gate.values)} seeds"
    interval = "-" if gate.interval is None else " to ".join(number(end) for end in gate.interval)
    limit = "-" if gate.floor is None else f"{gate.limits.side} {number(gate.floor)}"
    value = "missing" if missing else number(gate.value)
    shown = [f"value {value}", f"95% interval {interval}", f"limit {limit}"]
    shown += [] if before is None else [f"accepted run {number(before)}"]
    note = "seeds are judged together" if informs else ""
    return GateRow(
        metric=gate.metric,
        slice=gate.slice,
        run=run,
        value=value,
        interval=interval,
        limit=limit,
        calibrated=f"from {gate.limits.calibrated.seeds} seeds" if gate.limits.calibrated else "",
        baseline="-" if before is None else number(before),
        status=gate.status,
        note=note or ("no limit is set" if gate.status == "ungated" else ""),
        rows=gate.rows,
        strip=Strip(
            value=_place(gate.value, scale),
            interval=_both(gate.interval, scale),
            limit=_place(gate.floor, scale),
            limit_is_floor=gate.limits.greater_is_better,
            baseline=_place(before, scale),
            description=", ".join(shown),
        ),
    )


def baseline_of(document: Document, gate: GateRecord | SeedGateRecord) -> float | None:
    """Return the value of the accepted run; None where the gate was not compared with one."""
    if gate.drop is not None:
        return gate.drop.before
    if gate.slice or not isinstance(gate, GateRecord):
        return None
    for compared in getattr(document.baseline, "comparisons", ()):
        if (compared.task, compared.engine, compared.seed) == (gate.task, gate.engine, gate.seed):
            change = compared.metrics.get(gate.metric)
            return None if change is None else change.before
    return None


def _scale(document: Document, gates: Sequence[GateRecord | SeedGateRecord]) -> tuple[float, float]:
    """Return both ends of the scale that shows everything of a metric."""
    shown = [number for gate in gates for number in _finite([gate.value, gate.floor, baseline_of(document, gate)])]
    shown += [end for gate in gates for end in _finite(gate.interval or ())]
    low, high = min(shown, default=0.0), max(shown, default=1.0)
    room = (high - low) * _ROOM or abs(high) * _ROOM or 1.0
    return low - room, high + room


def _finite(numbers: Iterable[float | None]) -> list[float]:
    return [number for number in numbers if number is not None and math.isfinite(number)]


def _place(value: float | None, scale: tuple[float, float]) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return round(100 * (value - scale[0]) / (scale[1] - scale[0]), 2)


def _both(interval: Sequence[float] | None, scale: tuple[float, float]) -> tuple[float, float] | None:
    low, high = (_place(end, scale) for end in interval) if interval else (None, None)
    return None if low is None or high is None else (low, high)
