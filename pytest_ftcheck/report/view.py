"""How lines are shown: wrapped at the width of a terminal, in colour, in the characters that its encoding has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from rich.cells import cell_len, set_cell_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Style = Literal["", "fail", "warn", "next", "dim"]
_CODES: Mapping[Style, str] = {"fail": "1;31", "warn": "33", "next": "36", "dim": "2"}
_ASCII = str.maketrans(
    {"→": "->", "·": "-", "…": "...", "─": "-", "≤": "<=", "≥": ">=", "\u00d7": "x", "±": "+-", "\u2013": "-"}
)
_HANGING = 4
"""Columns by which the continuation of a line is indented further than the line."""


class Line(NamedTuple):
    """A line of a report."""

    text: str
    style: Style = ""


@dataclass(frozen=True)
class View:
    """The terminal, or the log, that shows a report."""

    color: bool = False
    width: int | None = None
    """Columns of a terminal. None: a log, whose lines stay whole, so that they can be searched."""
    verbosity: int = 0
    """As in pytest: 1 with ``-v``, -1 with ``-q``."""
    encoding: str = "utf-8"

    def show(self, lines: Iterable[Line | str]) -> Iterator[str]:
        """Yield the lines as they are written, wrapped and coloured."""
        for line in lines:
            text, style = line if isinstance(line, Line) else Line(line)
            for part in encodable(text, self.encoding).split("\n"):
                for shown in [part] if self.width is None else wrapped(part, self.width):
                    code = _CODES.get(style) if self.color else None
                    yield f"\x1b[{code}m{shown}\x1b[0m" if code and shown else shown


def encodable(text: str, encoding: str) -> str:
    """Return a text with ASCII in the place of characters that the encoding does not have."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:  # Python does not know the encoding
        return encodable(text, "ascii")
    return text


def cut(text: str, width: int) -> str:
    """Return what fits into a number of columns of a terminal."""
    return set_cell_size(text, width) if cell_len(text) > width else text


def wrapped(text: str, width: int) -> list[str]:
    """Break a line between words; a word that is wider stays whole, because it may be a path.

    Args:
        text: one line; its leading spaces are kept, and its continuation is indented further.
        width: of the terminal, in columns.

    """
    if cell_len(text) <= width:
        return [text]
    leading = len(text) - len(text.lstrip(" "))
    indent = " " * min(leading + _HANGING, width // 2)
    first, *words = text[leading:].split(" ")
    lines = [" " * leading + first]
    for word in words:
        longer = f"{lines[-1]} {word}"
        if cell_len(longer.rstrip()) <= width:
            lines[-1] = longer
        else:
            lines.append(indent + word)
    return [line.rstrip() for line in lines if line.strip()]
