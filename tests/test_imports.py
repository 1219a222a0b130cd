"""No two files of the package import each other, also not by way of others or from within a function."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pytest_ftcheck

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(pytest_ftcheck.__file__).parent
MODULES = {
    ".".join(["pytest_ftcheck", *file.relative_to(PACKAGE).with_suffix("").parts]): file
    for file in PACKAGE.rglob("*.py")
    if file.name != "__init__.py"
}


def run_time_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk a module without what only type checkers read."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        yield node
        yield from run_time_nodes(node)


def imported(file: Path) -> set[str]:
    """Return the modules of the package that a file imports."""
    found = set()
    for node in run_time_nodes(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found & MODULES.keys()


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return a circle of a graph; an empty list where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_circle_of_files() -> None:
    assert circle({module: imported(file) for module, file in MODULES.items()}) == []


@pytest.mark.parametrize(("graph", "found"), [({"a": {"b"}, "b": {"c"}}, 0), ({"a": {"b"}, "b": {"a"}}, 3)])
def test_circles_are_found(graph: dict[str, set[str]], found: int) -> None:
    assert len(circle(graph)) == found
