"""The smallest edit of a script that makes a factory: what builds the Trainer becomes a function of its own."""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ftcheck.init.cut import Cut, cut_at, free_name
from pytest_ftcheck.init.find import is_main_block
from pytest_ftcheck.init.names import union
from pytest_ftcheck.init.project import parsed
from pytest_ftcheck.init.segments import (
    INDENT,
    NotSafeError,
    Segment,
    first_line,
    fixed_lines,
    indented,
    segments_of,
)
from pytest_ftcheck.init.staying import is_shell, what_moves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.init.find import Function, Place


@dataclass(frozen=True)
class Edit:
    """A changed file, in which a function returns the Trainer untrained."""

    text: str
    """With LF as the end of lines."""
    factory: str
    diff: str


def make_edit(place: Place) -> Edit:
    """Return the edit of a file, for a place of kind ``trains``, ``script`` or ``main block``.

    Raises:
        NotSafeError: a program cannot be sure that the edited script does the same.

    """
    text = place.source.text
    lines = text.removesuffix("\n").split("\n")
    lines = [f"{line}\n" for line in lines]
    if place.kind == "trains" and place.function:
        made, factory = _of_function(place, place.function, lines)
    elif place.kind == "main block":
        made, factory = _of_main_block(place, lines)
    elif place.kind == "script":
        made, factory = _of_script(place, lines)
    else:
        what = "a method" if place.kind == "method" else "a function within a function"
        msg = f"{what} builds the Trainer: write a function without parameters that returns the Trainer untrained"
        raise NotSafeError(msg)
    edited = "".join(made)
    try:
        parsed(edited)
    except SyntaxError as error:
        msg = f"the edited file would not be Python (line {error.lineno}: {error.msg}): write the factory by hand"
        raise NotSafeError(msg) from error
    name = place.source.path.as_posix()
    diff = difflib.unified_diff(
        lines, [f"{line}\n" for line in edited.removesuffix("\n").split("\n")], f"a/{name}", f"b/{name}"
    )
    return Edit(edited, factory, "".join(diff))


@dataclass(frozen=True)
class _Names:
    """Names and parameters of the new functions."""

    factory: str
    setup: str
    parameters: str = ""
    """Of the function whose body is cut, as code."""

    def functions(self, cut: Cut, body: list[str], pad: str) -> list[str]:
        """Return the lines of the new functions, whose body is indented by ``pad``."""
        first = self.setup if cut.needed else self.factory
        lines = [f"def {first}({self.parameters}):\n", *_without_blank_start(body), f"{pad}return {cut.returned()}\n"]
        if not cut.needed:
            return lines
        passed = _passed(self.parameters)
        return [*lines, "\n\n", f"def {self.factory}({self.parameters}):\n", f"{pad}return {first}({passed})[0]\n"]

    def call(self, cut: Cut) -> str:
        """Return the statement that takes what the functions return."""
        return f"{cut.returned()} = {self.setup if cut.needed else self.factory}({_passed(self.parameters)})\n"


def _names(place: Place, parameters: str = "") -> _Names:
    tree = place.source.tree
    taken = [node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    taken += [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    factory = free_name(("build_trainer", "make_trainer", "create_trainer", "build_untrained_trainer"), taken)
    return _Names(factory, free_name(("_setup", "_set_up_training", "_build_parts"), taken), parameters)


def _passed(parameters: str) -> str:
    """Return the arguments of a call that hands all parameters on."""
    arguments = next(node for node in ast.walk(parsed(f"def f({parameters}): pass")) if isinstance(node, ast.arguments))
    positional = [arg.arg for arg in (*arguments.posonlyargs, *arguments.args)]
    return ", ".join([*positional, *(f"{arg.arg}={arg.arg}" for arg in arguments.kwonlyargs)])


def _lines(segments: Sequence[Segment], lines: list[str]) -> list[str]:
    return [line for segment in segments for line in lines[segment.first : segment.end]]


def _of_function(place: Place, function: Function, lines: list[str]) -> tuple[list[str], str]:
    _check_function(function)
    described = ast.get_docstring(function) is not None
    body = function.body[described:]
    start = (function.body[0].end_lineno or 0) if described else _header_end(function, lines)
    segments = segments_of(body, start)
    cut = cut_at(place, segments)
    if not cut.rest:
        msg = f"{function.name}() ends with the Trainer and does not return it: add `return {cut.trainer}`"
        raise NotSafeError(msg)
    names, pad = _names(place, ast.unparse(function.args)), " " * body[0].col_offset
    first = first_line(function)
    comments = first
    while comments and lines[comments - 1].startswith("#"):
        comments -= 1
    return [
        *lines[:comments],
        *names.functions(cut, _lines(cut.setup, lines), pad),
        "\n\n",
        *lines[comments:start],
        f"{pad}{names.call(cut)}",
        *lines[cut.rest[0].first :],
    ], names.factory


def _check_function(function: Function) -> None:
    """Refuse functions whose body cannot be divided.

    Raises:
        NotSafeError: it is async, takes ``*`` or ``**``, or is one line.

    """
    if isinstance(function, ast.AsyncFunctionDef):
        msg = f"{function.name}() is async: write a function without `await` that returns the Trainer untrained"
        raise NotSafeError(msg)
    if function.args.vararg or function.args.kwarg:
        msg = f"{function.name}() takes * or **: name the parameters that it uses"
        raise NotSafeError(msg)
    if function.body[0].lineno == function.lineno:
        msg = f"{function.name}() is one line: put its statements on lines of their own"
        raise NotSafeError(msg)
    if function.col_offset:
        msg = f"{function.name}() is defined inside of a condition: define it at the start of a line"
        raise NotSafeError(msg)


def _header_end(function: Function, lines: list[str]) -> int:
    """Return the index of the line after ``def …:``."""
    end = function.lineno - 1
    while not lines[end].split("#")[0].rstrip().endswith(":"):
        end += 1
    return end + 1


def _of_main_block(place: Place, lines: list[str]) -> tuple[list[str], str]:
    tree = place.source.tree
    block = next(node for node in tree.body if is_main_block(node) and place.call in ast.walk(node))
    if not isinstance(block, ast.If):  # what is_main_block says
        raise TypeError
    segments = segments_of(block.body, block.test.end_lineno or block.lineno)
    cut = cut_at(place, segments)
    others = [segment for segment in segments_of(tree.body, 0) if segment.node is not block]
    shared = sorted(cut.bound & union(segment.names.used for segment in others))
    names, pad = _names(place), " " * block.body[0].col_offset
    head = [f"{pad}global {', '.join(shared)}  # functions of this module use them\n"] if shared else []
    main = [f"{pad}{names.call(cut)}", *_lines(cut.rest, lines)]
    first, end = block.lineno - 1, block.end_lineno or block.lineno
    functions = names.functions(cut, head + _without_blank_start(_lines(cut.setup, lines)), pad)
    return [*lines[:first], *functions, "\n\n", *lines[first : segments[0].first], *main, *lines[end:]], names.factory


def _of_script(place: Place, lines: list[str]) -> tuple[list[str], str]:
    tree, fixed = place.source.tree, fixed_lines("".join(lines))
    segments = segments_of(tree.body, _head(lines))
    cut = cut_at(place, segments)
    cut = cut.of_moved(what_moves(cut.setup))
    names = _names(place)
    body = [line for segment in cut.moved for line in indented(lines, segment.first, segment.end, fixed)]
    made, rest = lines[: _head(lines)], list[str]()
    for segment in segments:
        own = lines[segment.first : segment.end]
        if is_shell(segment.node):
            made += [f"# {line}" if line.strip() and not line.startswith("#") else line for line in own]
        elif segment in cut.setup:
            made += [] if segment in cut.moved else [*_gap(made, segment, own), *own]
        elif isinstance(segment.node, (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)):
            made += own
        else:
            rest += indented(lines, segment.first, segment.end, fixed)
        if segment is cut.setup[-1]:
            made += ["\n\n", *names.functions(cut, body, INDENT)]
    main = ['\n\nif __name__ == "__main__":\n', f"{INDENT}{names.call(cut)}", *rest]
    return [*made, *main, *indented(lines, segments[-1].end, len(lines), fixed)], names.factory


def _gap(made: list[str], segment: Segment, own: list[str]) -> list[str]:
    """Return blank lines, if what stood before a statement has moved and a function or a class is now above it."""
    is_below = bool(made) and made[-1].startswith(INDENT)
    return ["\n\n"] if is_below and own[0].strip() and not isinstance(segment.node, ast.If) else []


def _head(lines: list[str]) -> int:
    """Return how many lines at the start are comments: a shebang, an encoding, a licence."""
    count = 0
    while count < len(lines) and lines[count].startswith("#") and not lines[count].startswith("# In["):
        count += 1
    return count


def _without_blank_start(lines: list[str]) -> list[str]:
    count = 0
    while count < len(lines) and not lines[count].strip():
        count += 1
    return lines[count:]
