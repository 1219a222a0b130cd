"""The lines of statements, with the comments above them; lines within a string are never indented."""

from __future__ import annotations

import io
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ftcheck.init.names import Names, names_of

if TYPE_CHECKING:
    import ast
    from collections.abc import Sequence

_STRINGS = {tokenize.STRING, getattr(tokenize, "FSTRING_START", -1), getattr(tokenize, "FSTRING_END", -1)}
INDENT = "    "


@dataclass(frozen=True)
class Segment:
    """A statement with its lines."""

    node: ast.stmt
    first: int
    """Index of its first line; blank lines and comments above the statement are its own."""
    end: int
    """Index of the line after its last one."""
    names: Names


class NotSafeError(Exception):
    """The edit cannot be made by a program; the message says why, and what to do by hand."""


def segments_of(body: Sequence[ast.stmt], start: int) -> list[Segment]:
    """Divide a block of statements.

    Args:
        body: the statements.
        start: index of the first line that belongs to the block.

    Raises:
        NotSafeError: two statements share a line.

    """
    found = []
    for node in body:
        if first_line(node) < start:
            msg = f"two statements share line {node.lineno}: put each on a line of its own"
            raise NotSafeError(msg)
        end = node.end_lineno or node.lineno
        found.append(Segment(node, start, end, names_of(node)))
        start = end
    return found


def first_line(node: ast.stmt) -> int:
    """Return the index of a statement's first line, that of its decorators if it has some."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)]) - 1


def fixed_lines(text: str) -> frozenset[int]:
    """Return the indices of lines that start within a string: they must not be indented."""
    fixed: set[int] = set()
    opened: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _STRINGS:
            continue
        name = tokenize.tok_name[token.type]
        if name == "FSTRING_START":
            opened.append(token.start[0])
        start = opened.pop() if name == "FSTRING_END" else token.start[0]
        fixed.update(range(start, token.end[0]))
    return frozenset(fixed)


def indented(lines: Sequence[str], first: int, end: int, fixed: frozenset[int]) -> list[str]:
    """Return lines ``first`` to ``end`` with one more level of indentation."""
    return [
        INDENT + line if line.strip() and number not in fixed else line
        for number, line in enumerate(lines[first:end], start=first)
    ]
