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
class Series:
    """One metric over several sessions, the oldest first."""

    key: SeriesKey
    sessions: tuple[str, ...]
    """Names of the sessions that have a value."""
    values: tuple[float, ...]
    """Mean over the seeds of each session."""
    trend: Trend
    """The verdict on the last value, by the values before."""
    bound: float | None
    """The bound at a false-alarm rate of 1%; None with fewer than three finite values before the last one."""


def history(sessions: Sequence[tuple[str, Document]]) -> list[Series]:
    """Collect the series of several sessions, and judge the last value of each.

    The last value is compared with the one-sided tolerance bound of the values before
    (`pytest_ftcheck.gates.tolerance`), as a calibrated gate compares it: beyond the bound at a false-alarm rate of 1%
    it is a regression, beyond the bound at 5% it is suspicious. Sessions of unchanged code and data differ by their
    seeds and by the machine: the bound includes this spread. A series without a value in the last session is left out.

    Args:
        sessions: names and documents, the oldest first.

    """
    found: dict[SeriesKey, dict[str, list[tuple[float, int]]]] = {}
    for name, document in sessions:
        for key, value, rows in _values(document):
            found.setdefault(key, {}).setdefault(name, []).append((value, rows))
    last = sessions[-1][0] if sessions else ""
    return [_series(key, by_session) for key, by_session in found.items() if last in by_session]


def _values(document: Document) -> Iterator[tuple[SeriesKey, float, int]]:
    """Yield the values of a session, with the number of rows that each was computed from."""
    runs = {(run.task, run.engine, run.seed): run for run in document.runs}
    for gate in document.gates:
        if run := runs.get((gate.task, gate.engine, _seed(gate))):
            key = SeriesKey(gate.task, gate.engine, gate.metric, gate.slice, (*_parts(run), f"{gate.rows} rows"))
            yield key, gate.value, gate.rows
    for run in runs.values():
        seconds = run.timings.get("train")
        if seconds and not run.reused:
            place = (run.environment.get("device_name", ""), f"{run.environment.get('threads', '?')} threads")
            circumstances = (*_parts(run), f"{run.train_rows} rows", *place)
            yield SeriesKey(run.task, run.engine, SECONDS, "", circumstances), seconds, _NO_ROWS


def _seed(gate: GateRecord) -> int:
    return -1 if gate.seed == "-" else gate.seed


def _parts(run: RunRecord) -> tuple[str, str]:
    return run.checkpoint, run.data


def _series(key: SeriesKey, by_session: dict[str, list[tuple[float, int]]]) -> Series:
    values = tuple(sum(value for value, _ in found) / len(found) for found in by_session.values())
    rows = next(iter(by_session.values()))[0][1]
    trend, bound = judge_last(key.metric, values, rows)
    return Series(key, tuple(by_session), values, trend, bound)


def judge_last(metric: str, values: Sequence[float], rows: int) -> tuple[Trend, float | None]:
    """Judge the last of some values by the values before.

    Args:
        metric: key of the metric, or `SECONDS`; it says whether smaller is better.
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
    greater = metric != SECONDS and direction_of(metric) is not False
    name = _POSITIVE if metric == SECONDS else metric

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


def history_lines(series: Sequence[Series]) -> list[str]:
    """Render series as a Markdown table that also reads well in a terminal, the worst first."""
    lines = [
        "| verdict | task | engine | metric | last | before | bound | sessions | course |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in sorted(series, key=lambda one: _ORDER.index(one.trend)):
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
