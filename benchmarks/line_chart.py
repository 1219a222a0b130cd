"""Small multiples of lines as an SVG, written by hand: a plot that needs no library to make and none to show."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 250, 170
_LEFT, _TOP, _GAP = 60, 70, 34
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#999999", "#cc79a7")
"""Of Okabe and Ito: told apart by everybody."""
_DASHED_FROM = 3
_MARGIN, _CHARACTER = 20.0, 5.4
"""Where the legend begins, and about how wide a character of it is."""


@dataclass(frozen=True)
class Panel:
    """One plot: a line for each name over the same x."""

    title: str
    lines: dict[str, list[float]]
    """Values from 0 to 1."""


def chart(panels: list[list[Panel]], x: list[float], *, title: str, x_label: str, y_label: str) -> str:
    """Draw rows of panels, all with the same x, y from 0 to 1, and the same names of lines."""
    width = _LEFT + len(panels[0]) * (_WIDTH + _GAP)
    height = _TOP + len(panels) * (_HEIGHT + _GAP) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        _text(_MARGIN, 20, title, size=14),
        *_legend(list(panels[0][0].lines)),
        _text(width / 2, height - 8, x_label, anchor="middle"),
        f'<g transform="translate(14 {height / 2}) rotate(-90)">{_text(0, 0, y_label, anchor="middle")}</g>',
    ]
    for row, group in enumerate(panels):
        for column, panel in enumerate(group):
            place = _LEFT + column * (_WIDTH + _GAP), _TOP + row * (_HEIGHT + _GAP)
            parts.append(f'<g transform="translate({place[0]} {place[1]})">{_panel(panel, x)}</g>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend(names: list[str]) -> list[str]:
    parts, left = [], _MARGIN
    for index, name in enumerate(names):
        parts += [_line([(left, 40), (left + 24, 40)], index), _text(left + 30, 44, name)]
        left += 42 + _CHARACTER * len(name)
    return parts


def _panel(panel: Panel, x: list[float]) -> str:
    parts = [_text(_WIDTH / 2, -6, panel.title, anchor="middle")]
    for tick in (0.0, 0.5, 0.8, 1.0):
        height = _HEIGHT * (1 - tick)
        parts.append(f'<line x1="0" x2="{_WIDTH}" y1="{height:.1f}" y2="{height:.1f}" stroke="#dddddd"/>')
        parts.append(_text(-6, height + 4, f"{tick:.0%}", anchor="end"))
    low, high = min(x), max(x)
    places = [(value - low) / (high - low) * _WIDTH for value in x]
    parts += [
        _text(place, _HEIGHT + 14, f"{value:g}", anchor="middle")
        for place, value in zip(places, x, strict=True)
        if value % 2 == 0
    ]
    for index, values in enumerate(panel.lines.values()):
        points = [(place, _HEIGHT * (1 - value)) for place, value in zip(places, values, strict=True)]
        parts.append(_line(points, index))
    return "".join(parts)


def _line(points: list[tuple[float, float]], index: int) -> str:
    dash = ' stroke-dasharray="5 3"' if index >= _DASHED_FROM else ""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{COLOURS[index]}" stroke-width="2"{dash}/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 11) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'
