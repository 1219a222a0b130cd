"""Which statements of a script stay at module level: imports, constants, functions that use nothing that moves."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from pytest_ftcheck.init.find import dotted
from pytest_ftcheck.init.names import union
from pytest_ftcheck.init.segments import NotSafeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.init.segments import Segment

_IMPORTS = (ast.Import, ast.ImportFrom)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_OF_THE_PROCESS = ("os.environ", "sys.path", "warnings.", "logging.basicConfig", "matplotlib.use")
"""What is set for the whole process, often before an import that reads it."""


def stays(node: ast.stmt) -> bool:
    """Whether a statement stays at module level, unless it uses a name that moves."""
    if isinstance(node, (*_IMPORTS, *_DEFINITIONS)) or is_shell(node) or _is_text(node):
        return True
    if isinstance(node, (ast.If, ast.Try)):
        inner = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
        inner += [child for handler in getattr(node, "handlers", []) for child in handler.body]
        return all(isinstance(child, ast.Pass) or stays(child) for child in inner)
    if isinstance(node, (ast.Assign, ast.AnnAssign)) and _sets_environment(node):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return dotted(node.value.func).startswith(_OF_THE_PROCESS)
    return isinstance(node, (ast.Assign, ast.AnnAssign)) and _is_constant(node)


def is_shell(node: ast.stmt) -> bool:
    """Whether a statement is a magic command of a notebook, as nbconvert exports it: ``get_ipython()…``."""
    value = node.value if isinstance(node, ast.Expr) else None
    while isinstance(value, (ast.Call, ast.Attribute)):
        if isinstance(value, ast.Call) and dotted(value.func) == "get_ipython":
            return True
        value = value.func if isinstance(value, ast.Call) else value.value
    return False


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _sets_environment(node: ast.Assign | ast.AnnAssign) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return all(isinstance(each, ast.Subscript) and dotted(each.value) == "os.environ" for each in targets)


def _is_constant(node: ast.Assign | ast.AnnAssign) -> bool:
    """Whether names are bound to a value that is computed without a call, except for paths and the environment."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    if not all(isinstance(target, ast.Name) for target in targets) or node.value is None:
        return False
    calls = [inner for inner in ast.walk(node.value) if isinstance(inner, ast.Call)]
    return all(dotted(call.func) in _CHEAP or _of_path(call) for call in calls)


_CHEAP = frozenset(
    {"Path", "pathlib.Path", "dict", "enumerate", "len", "os.environ.get", "os.getenv", "os.path.join", "range"}
    | {"list", "set", "tuple", "sorted", "zip", "str", "int", "float", "os.path.dirname", "os.path.abspath"}
)


def _of_path(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in {"resolve", "items", "keys", "values"}


def what_moves(setup: Sequence[Segment]) -> list[Segment]:
    """Return the statements that go into the function: those that do not stay, and all that depends on them.

    Raises:
        NotSafeError: an import binds a name that other statements bind as well, or a magic command gives a value.

    """
    _check_shell(setup)
    moved = [segment for segment in setup if not stays(segment.node)]
    while True:
        names = union(segment.names.bound for segment in moved)
        # A name that is bound on both sides would be two variables: one of the module, one of the function.
        more = [
            segment
            for segment in setup
            if segment in moved or ((segment.names.used | segment.names.bound) & names and not is_shell(segment.node))
        ]
        if len(more) == len(moved):
            break
        moved = more
    for segment in moved:
        if isinstance(segment.node, _IMPORTS):
            msg = f"line {segment.node.lineno} imports a name that the script binds again: rename one of both"
            raise NotSafeError(msg)
    return moved


def _check_shell(setup: Sequence[Segment]) -> None:
    for segment in setup:
        if not is_shell(segment.node) and "get_ipython" in segment.names.used:
            msg = f"line {segment.node.lineno} uses get_ipython(), which a script does not have: remove it"
            raise NotSafeError(msg)
