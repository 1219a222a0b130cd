"""Plots as inline SVG, made by matplotlib where it is installed: the same bytes for the same numbers.

Colours are CSS variables of the page, so that one drawing fits a light and a dark page. Text stays text.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

INK, MUTED, GRID = "#0a0b01", "#0a0b02", "#0a0b03"
SERIES = ("#0a0b04", "#0a0b05", "#0a0b06", "#0a0b07")
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--rule",
    **{name: f"--series-{n}" for n, name in enumerate(SERIES)},
}
_DASHES = ("-", "--", ":", "-.")
_SIZE = (4.6, 2.7)
"""Inches, of 72 units of the drawing each: on a phone, text has about the size of the page's small print."""
_HEADER = re.compile(r"^.*?(?=<svg)|<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", re.DOTALL)
_NAMESPACE = re.compile(r' xmlns(:xlink)?="[^"]*"')
_ID = re.compile(r'(\bid="|url\(#|href="#)')
_FONT = re.compile(r"font: ([\d.]+)px [^;\"]*")

NO_MATPLOTLIB = "Plots need matplotlib: pip install 'pytest-ftcheck[report]', and run the session again."


@dataclass(frozen=True)
class Plot:
    """A drawing with its description for screen readers."""

    title: str
    description: str
    """What the drawing shows, in a sentence."""
    svg: Markup


@dataclass(frozen=True)
class Line:
    """A line of a plot."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: int = 0
    """Index of the colour; lines with the same colour belong to the same run."""
    points: bool = False
    """Draw markers on a thinner line."""


def can_plot() -> bool:
    """Return whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def line_plot(key: str, title: str, lines: Sequence[Line], *, x: str, y: str) -> Plot:
    """Draw lines.

    Args:
        key: unique name of the plot on its page, of letters, digits and hyphens.
        title: heading.
        lines: at least one point in all.
        x: name of the x-axis.
        y: name of the y-axis.

    """

    def draw(axes: Any) -> None:
        from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - optional

        for line in lines:
            dash = _DASHES[line.colour // len(SERIES) % len(_DASHES)]
            colour = SERIES[line.colour % len(SERIES)]
            marker = {"marker": "o", "markersize": 4, "linewidth": 1.3} if line.points else {"linewidth": 1.2}
            axes.plot(line.x, line.y, dash, color=colour, label=line.name, **marker)
        axes.set(xlabel=x, ylabel=y)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
        if len(lines) > 1:
            axes.legend(ncols=2 if len(lines) > 4 else 1)  # rows of the legend that fit

    shown = "; ".join(_described(line) for line in lines if len(line.y))
    return _plot(key, title, f"{y} over {x}. {shown}.", draw)


def course_plot(
    key: str,
    title: str,
    told: str,
    points: Sequence[tuple[float, float, tuple[float, float] | None]],
    *,
    bound: float | None,
    y: str,
) -> Plot:
    """Draw values over time with their intervals; the last one is larger.

    Args:
        key: as of `line_plot`.
        title: heading.
        told: description.
        points: at least one; seconds since 1970-01-01 UTC, a finite value, and its interval or None.
        bound: a dashed line; None: no line.
        y: name of the y-axis.

    """

    def draw(axes: Any) -> None:
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415 - optional

        days = [started / 86_400 for started, _, _ in points]
        values = [value for _, value, _ in points]
        for day, (_, _, interval) in zip(days, points, strict=True):
            if interval is not None:
                axes.plot([day, day], interval, color=SERIES[0], linewidth=4, alpha=0.3, solid_capstyle="round")
        axes.plot(days, values, marker="o", color=SERIES[0], linewidth=1, markersize=4)
        axes.plot(days[-1:], values[-1:], marker="o", color=SERIES[0], markersize=8)
        if bound is not None:
            axes.axhline(bound, linestyle="--", color=SERIES[1], linewidth=1.2)
        axes.set_ylabel(y)
        locator = AutoDateLocator(minticks=3, maxticks=6)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))

    return _plot(key, title, told, draw)


def bar_plot(
    key: str,
    title: str,
    description: str,
    bars: Sequence[tuple[str, Sequence[float], Sequence[float]]],
    *,
    x: str,
    y: str,
) -> Plot:
    """Draw histograms over the same bins as steps.

    Args:
        key: as of `line_plot`.
        title: heading.
        description: what the drawing shows, for screen readers.
        bars: name, B + 1 ends and B heights of each histogram.
        x: name of the x-axis.
        y: name of the y-axis.

    """

    def draw(axes: Any) -> None:
        for place, (name, ends, heights) in enumerate(bars):
            axes.stairs(
                heights, ends, fill=not place, color=SERIES[place % 4], alpha=None if place else 0.35, label=name
            )
        axes.set(xlabel=x, ylabel=y)
        axes.margins(x=0.01)
        if len(bars) > 1:
            axes.legend()

    return _plot(key, title, description, draw)


def square_plot(
    key: str,
    title: str,
    description: str,
    points: tuple[Sequence[float], Sequence[float]],
    *,
    x: str,
    y: str,
    weights: Sequence[float] = (),
) -> Plot:
    """Draw points beside the diagonal, where both values are equal.

    Args:
        key: as of `line_plot`.
        title: heading.
        description: what the drawing shows, for screen readers.
        points: x and y values.
        x: name of the x-axis.
        y: name of the y-axis.
        weights: of the points, which then have such areas, are joined, and lie between 0 and 1.

    """

    def draw(axes: Any) -> None:
        ends = (0.0, 1.0) if weights else (min(map(min, points)), max(map(max, points)))
        axes.plot(ends, ends, ":", color=MUTED, linewidth=1)
        if weights:
            areas = [14 + 180 * weight / max(weights) for weight in weights]
            axes.plot(*points, color=SERIES[0], linewidth=0.8, alpha=0.5)
            axes.scatter(*points, s=areas, color=SERIES[0], alpha=0.75, linewidth=0)
        else:
            axes.plot(*points, marker="o", color=SERIES[0], linewidth=0, markersize=3, alpha=0.6)
        axes.set(xlabel=x, ylabel=y)

    return _plot(key, title, description, draw)


def _described(line: Line) -> str:
    first, last = f"{line.y[0]:.4g}", f"{line.y[-1]:.4g}"
    where = f"{first} at {line.x[0]:g}" + (f", {last} at {line.x[-1]:g}" if len(line.y) > 1 else "")
    return f"{line.name}: {where}"


def _plot(key: str, title: str, description: str, draw: Callable[[Any], None]) -> Plot:
    """Draw on axes of the page's style.

    Only the object interface of matplotlib is used: pyplot would change the state of the process.
    """
    import matplotlib.style  # noqa: PLC0415 - optional
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415 - optional
    from matplotlib.figure import Figure  # noqa: PLC0415 - optional

    output = io.StringIO()
    with matplotlib.style.context(["default", _STYLE]):
        figure = Figure(figsize=_SIZE, layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        draw(axes)
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(output, format="svg", transparent=True, metadata={"Date": None})
    return Plot(title, description, _inline(output.getvalue(), key, title, description))


_STYLE: dict[str, Any] = {
    "svg.hashsalt": "ftcheck",
    "svg.fonttype": "none",
    "font.size": 9.5,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "axes.formatter.useoffset": False,
}


def _inline(drawn: str, key: str, title: str, description: str) -> Markup:
    """Make an SVG file a part of a page: no namespaces, its own ids, the page's colours and font, a description."""
    svg = _NAMESPACE.sub("", _HEADER.sub("", drawn)).replace("xlink:href", "href")
    svg = _ID.sub(rf"\g<1>{key}-", svg)
    svg = _FONT.sub(r"font-size: \1px", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    svg = re.sub(r'<svg[^>]*?viewBox="([^"]*)"[^>]*>', _opening(key, title, description), svg, count=1)
    return Markup(svg.strip())  # noqa: S704 - matplotlib escapes texts, `_opening` the rest


def _opening(key: str, title: str, description: str) -> str:
    names = f'aria-labelledby="{key}-title {key}-desc"'
    inner = f'<title id="{key}-title">{escape(title)}</title><desc id="{key}-desc">{escape(description)}</desc>'
    return rf'<svg class="plot" role="img" viewBox="\1" {names}>' + inner.replace("\\", r"\\")
