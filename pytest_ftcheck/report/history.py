"""How metrics and training times developed over several sessions, and whether the last session is worse."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from pytest_ftcheck.gates.tolerance import FALSE_ALARMS, FEWEST_SEEDS, tolerance_bound
from pytest_ftcheck.tasks.metric_names import direction_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ftcheck.gates.records import GateRecord
    from pytest_ftcheck.report.document import Document
    from pytest_ftcheck.report.runs import RunRecord

Trend: TypeAlias = Literal["regression", "suspicious", "none", "insufficient data"]
SECONDS = "seconds of training"
STEP = "milliseconds per step"
_DURATIONS = (SECONDS, STEP)
_STEP_SIZE = ("per_device_train_batch_size", "gradient_accumulation_steps")
"""Training arguments that change the work of a step."""
_SUSPICIOUS = 0.05
"""Fraction of healthy sessions that are suspicious; `FALSE_ALARMS` of them are a regression."""
_POSITIVE = "loss"
"""Key of a metric whose scale is that of positive numbers, as durations are; see `Scale`."""
_NO_ROWS = 10**9
"""Rows of a value that is not counted over rows."""


@dataclass(frozen=True)
class SeriesKey:
    """Values with the same key can be compared."""

    task: str
    engine: str
    metric: str
    slice: str
    """Empty for all rows."""
    circumstances: tuple[str, ...]
    """Checkpoint, data and number of evaluated rows; of a duration also device and threads."""


@dataclass(frozen=True)
class Point:
    """The value of a session."""

    session: str
    """Name of the session."""
    started: float
    """Begin of the session, in seconds since 1970-01-01 UTC."""
    value: float
    """Mean over the seeds of the session."""
    interval: tuple[float, float] | None
    """95% interval of the value; None where it is unknown."""


@dataclass(frozen=True)
class Series:
    """One metric over several sessions, the oldest first."""

    key: SeriesKey
    points: tuple[Point, ...]
    """One for each session that has a value."""
    trend: Trend
    """The verdict on the last value, by the values before."""
    bound: float | None
    """The bound at a false-alarm rate of 1%; None with fewer than three finite values before the last one."""

    @property
    def values(self) -> tuple[float, ...]:
        """The value of each session."""
        return tuple(point.value for point in self.points)


@dataclass(frozen=True)
class _Value:
    """The value of a seed."""

    value: float
    rows: int
    """Number of rows that it was computed from."""
    interval: list[float] | None = None


def history(sessions: Sequence[tuple[str, Document]]) -> list[Series]:
    """Collect the series of several sessions, and judge the last value of each.

    The last value is compared with the one-sided tolerance bound of the values before
    (`pytest_ftcheck.gates.tolerance`), as a calibrated gate compares it: beyond the bound at a false-alarm rate of 1%
    it is a regression, beyond the bound at 5% it is suspicious. Sessions of unchanged code and data differ by their
    seeds and by the machine: the bound includes this spread. A series without a value in the last session is left out.

    Args:
        sessions: names and documents, the oldest first.

    """
    found: dict[SeriesKey, dict[str, list[_Value]]] = {}
    for name, document in sessions:
        for key, value in _values(document):
            found.setdefault(key, {}).setdefault(name, []).append(value)
    documents = dict(sessions)
    last = sessions[-1][0] if sessions else ""
    return [_series(key, values, documents) for key, values in found.items() if last in values]


def _values(document: Document) -> Iterator[tuple[SeriesKey, _Value]]:
    """Yield the values of a session, one for each seed."""
    runs = {(run.task, run.engine, run.seed): run for run in document.runs}
    for gate in document.gates:
        if run := runs.get((gate.task, gate.engine, _seed(gate))):
            key = SeriesKey(gate.task, gate.engine, gate.metric, gate.slice, (*_parts(run), f"{gate.rows} rows"))
            yield key, _Value(gate.value, gate.rows, gate.interval)
    steps = {entry.folder: entry.steps for entry in document.figures}
    for run in runs.values():
        seconds = run.timings.get("train")
        if not seconds or run.reused:
            continue
        place = (run.environment.get("device_name", ""), f"{run.environment.get('threads', '?')} threads")
        circumstances = (*_parts(run), f"{run.train_rows} rows", *place)
        yield SeriesKey(run.task, run.engine, SECONDS, "", circumstances), _Value(seconds, _NO_ROWS)
        if count := steps.get(run.folder):
            sizes = tuple(f"{name}={run.recipe[name]}" for name in _STEP_SIZE if name in run.recipe)
            key = SeriesKey(run.task, run.engine, STEP, "", (*_parts(run), *place, *sizes))
            yield key, _Value(1000 * seconds / count, _NO_ROWS)


def _seed(gate: GateRecord) -> int:
    return -1 if gate.seed == "-" else gate.seed


def _parts(run: RunRecord) -> tuple[str, str]:
    return run.checkpoint, run.data


def _series(key: SeriesKey, by_session: dict[str, list[_Value]], documents: dict[str, Document]) -> Series:
    points = tuple(_point(key, name, documents[name], found) for name, found in by_session.items())
    rows = next(iter(by_session.values()))[0].rows
    trend, bound = judge_last(key.metric, [point.value for point in points], rows)
    return Series(key, points, trend, bound)


def _point(key: SeriesKey, session: str, document: Document, found: list[_Value]) -> Point:
    """Average over the seeds of a session. Only the session knows an interval of the mean over several seeds."""
    ends = found[0].interval
    if len(found) > 1:
        names = (key.task, key.engine, key.metric, key.slice)
        gates = document.seed_gates
        ends = next((one.interval for one in gates if (one.task, one.engine, one.metric, one.slice) == names), None)
    value = sum(one.value for one in found) / len(found)
    return Point(session, document.started, value, (ends[0], ends[1]) if ends else None)


def judge_last(metric: str, values: Sequence[float], rows: int) -> tuple[Trend, float | None]:
    """Judge the last of some values by the values before.

    Args:
        metric: key of the metric, `SECONDS` or `STEP`; it says whether smaller is better.
        values: ``[k]``, the oldest first.
        rows: number of rows that each value was computed from.

    Returns:
        The verdict, and the bound at a false-alarm rate of 1%; None with fewer than three finite values before.

    """
    *before, last = values
    finite = [value for value in before if math.isfinite(value)]
    if not math.isfinite(last):
        return "regression", None
    if len(finite) < FEWEST_SEEDS:
        return "insufficient data", None
    greater = metric not in _DURATIONS and direction_of(metric) is not False
    name = _POSITIVE if metric in _DURATIONS else metric

    def bound(false_alarms: float) -> float:
        return float(tolerance_bound(name, finite, rows, greater_is_better=greater, false_alarms=false_alarms))

    def beyond(limit: float) -> bool:
        return last < limit if greater else last > limit

    outer = bound(FALSE_ALARMS)
    if beyond(outer):
        return "regression", outer
    return ("suspicious" if beyond(bound(_SUSPICIOUS)) else "none"), outer


_ORDER: tuple[Trend, ...] = ("regression", "suspicious", "insufficient data", "none")
_BARS = "▁▂▃▄▅▆▇█"
_SHOWN = 20
"""Latest values in a line."""


def worst_first(series: Sequence[Series]) -> list[Series]:
    """Sort series by their verdict."""
    return sorted(series, key=lambda one: _ORDER.index(one.trend))


def history_lines(series: Sequence[Series]) -> list[str]:
    """Render series as a Markdown table that also reads well in a terminal, the worst first."""
    lines = [
        "| verdict | task | engine | metric | last | before | bound | sessions | course |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in worst_first(series):
        name = one.key.metric + (f" ({one.key.slice})" if one.key.slice else "")
        before = f"{one.values[-2]:.4f}" if len(one.values) > 1 else "-"
        bound = "-" if one.bound is None else f"{one.bound:.4f}"
        cells = [one.trend, one.key.task, one.key.engine, name, f"{one.values[-1]:.4f}", before, bound]
        cells += [str(len(one.values)), _bars(one.values[-_SHOWN:])]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def _bars(values: Sequence[float]) -> str:
    """Draw values as bars between the lowest and the highest one; a value that is not finite is a question mark."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((value - low) * scale)] if math.isfinite(value) else "?" for value in values)
