"""The page of a history: each metric and duration over several sessions, with the verdict on the last one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from markupsafe import Markup

from pytest_ftcheck.printable import printable
from pytest_ftcheck.report.history import SECONDS, STEP, worst_first
from pytest_ftcheck.report.html.environment import environment, part
from pytest_ftcheck.report.html.plots import NO_MATPLOTLIB, Plot, can_plot, course_plot
from pytest_ftcheck.report.summary import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.report.history import Series, Trend

Status = Literal["failed", "inconclusive", "skipped", "passed"]
_STATUS: dict[Trend, Status] = {
    "regression": "failed",
    "suspicious": "inconclusive",
    "insufficient data": "skipped",
    "none": "passed",
}
"""The mark of the report page for each verdict."""
_WORDS: dict[Trend, str] = {
    "regression": "regression",
    "suspicious": "suspicious",
    "insufficient data": "insufficient data",
    "none": "no regression",
}
_COUNTED: dict[Trend, str] = {
    "regression": "with a regression",
    "suspicious": "suspicious",
    "insufficient data": "with insufficient data",
    "none": "without a regression",
}
_UNITS = {SECONDS: "seconds", STEP: "milliseconds"}


@dataclass(frozen=True)
class SessionValue:
    """A row of the table of a series."""

    session: str
    started: str
    value: str
    interval: str


@dataclass(frozen=True)
class SeriesView:
    """A series of the page."""

    series: Series
    key: str
    """Unique name on the page."""
    name: str
    """Metric and slice."""
    status: Status
    verdict: str
    last: str
    before: str
    bound: str
    values: tuple[SessionValue, ...]
    """The latest session first."""
    plot: Plot | None
    """None without matplotlib, or without a finite value."""


def history_page(series: Sequence[Series]) -> str:
    """Render series as an HTML page, the worst first; the same series give the same bytes."""
    views = [_view(one, f"s{place}") for place, one in enumerate(worst_first(series))]
    return (
        environment()
        .get_template("history.html.j2")
        .render(
            views=views,
            tasks=list(dict.fromkeys(one.key.task for one in series)),
            status=views[0].status if views else "skipped",
            verdict=views[0].verdict if views else "insufficient data",
            told=_told(series),
            plots_missing="" if can_plot() else NO_MATPLOTLIB,
            style=Markup(part("page.css")),  # noqa: S704 - a file of the package
        )
    )


def _told(series: Sequence[Series]) -> str:
    """Count the verdicts, the worst first."""
    if not series:
        return "No metric and no duration has a value in the latest session."
    counts = {words: sum(one.trend == trend for one in series) for trend, words in _COUNTED.items()}
    shown = [f"{count} {words}" for words, count in counts.items() if count]
    return f"{', '.join(shown)}, of {len(series)} metrics and durations."


def _view(one: Series, key: str) -> SeriesView:
    name = one.key.metric + (f", {one.key.slice}" if one.key.slice else "")
    values = [SessionValue(point.session, _time(point.started), number(point.value), _interval(point.interval))
              for point in one.points]  # fmt: skip
    bound = "-" if one.bound is None else number(one.bound)
    return SeriesView(
        series=one,
        key=key,
        name=name,
        status=_STATUS[one.trend],
        verdict=_WORDS[one.trend],
        last=values[-1].value,
        before=values[-2].value if len(values) > 1 else "-",
        bound=bound,
        values=tuple(reversed(values)),
        plot=_plot(one, key, printable(f"{name} of {one.key.task}, {one.key.engine}"), bound),
    )


def _plot(one: Series, key: str, name: str, bound: str) -> Plot | None:
    points = [(point.started, point.value, point.interval) for point in one.points if math.isfinite(point.value)]
    if not points or not can_plot():
        return None
    told = f"{name}: first {number(points[0][1])}, last {number(points[-1][1])}, bound {bound}: {_WORDS[one.trend]}."
    title, unit = f"Values of {len(points)} sessions", _UNITS.get(one.key.metric, "value")
    return course_plot(f"{key}-course", title, told, points, bound=one.bound, y=unit)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _interval(ends: tuple[float, float] | None) -> str:
    return "-" if ends is None else f"{number(ends[0])} to {number(ends[1])}"
