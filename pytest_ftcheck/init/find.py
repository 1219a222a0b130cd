"""Finds where a project builds a Trainer, and says what has to be done for a factory."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_ftcheck.pipeline.factory import KEYWORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pytest_ftcheck.init.project import Project, Source

Kind = Literal["factory", "trains", "script", "main block", "method", "nested"]
"""``factory``: a function that returns the Trainer untrained. ``trains``: a function that builds it and does more.
``script``: code of the module, run at import. ``main block``: the body of ``if __name__ == "__main__":``. ``method``: a
method of a class. ``nested``: a function in a function."""
Function = ast.FunctionDef | ast.AsyncFunctionDef

_LIBRARIES = frozenset({"transformers", "trl"})
TRAINS = frozenset({"train", "evaluate", "predict", "hyperparameter_search", "fit"})
"""Methods that train or evaluate."""


@dataclass(frozen=True)
class Place:
    """A call that builds a Trainer."""

    source: Source
    call: ast.Call
    name: str
    """Its class, or the function that makes it, as the code names it."""
    kind: Kind
    function: Function | None = None
    """The outermost function that holds the call."""
    needs: tuple[str, ...] = ()
    """Parameters of the function that have no default and that a factory is not given."""

    @property
    def spec(self) -> str:
        """The function, as ``--ftcheck-trainer`` names it."""
        return f"{self.source.path.as_posix()}:{self.function.name if self.function else ''}"

    def describe(self) -> str:
        """Return file, line, function, and what stands there."""
        where = f"{self.source.path.as_posix()}:{self.call.lineno}"
        inside = f" in {self.function.name}()" if self.function else ""
        return f"{where}  {self.name}(…){inside}: {_MEANINGS[self.kind]}{self._parameters()}"

    def _parameters(self) -> str:
        return f"; it needs {', '.join(self.needs)}" if self.needs else ""


_MEANINGS: dict[Kind, str] = {
    "factory": "the function returns the Trainer untrained",
    "trains": "the function builds the Trainer and uses it",
    "script": "the module builds the Trainer when it is imported",
    "main block": 'the code under `if __name__ == "__main__":` builds the Trainer',
    "method": "a method of a class builds the Trainer",
    "nested": "a function in a function builds the Trainer",
}


def find_places(project: Project) -> list[Place]:
    """Return every call that builds a Trainer, in the order of files and lines.

    A call of a project's function that returns an untrained Trainer, but needs parameters, counts as well, where the
    caller needs none. The function itself is then left out.
    """
    imports = {source.path: _imports(source.tree) for source in project.sources}
    classes = _subclasses(project.sources, imports)
    places = [place for source in project.sources for place in _places(source, imports[source.path], classes)]
    makers = {place.function.name for place in places if place.kind == "factory" and place.needs and place.function}
    called = [
        place for source in project.sources for place in _places(source, {}, frozenset(), makers) if not place.needs
    ]
    served = {place.name.rpartition(".")[2] for place in called}
    own = [p for p in places if not (p.kind == "factory" and p.function and p.function.name in served)]
    return sorted(map(_handed_on, own + called), key=lambda place: (place.source.path, place.call.lineno))


def _handed_on(place: Place) -> Place:
    """Return the function that hands on the Trainer of a tuple, as in ``return _setup()[0]``, if the file has one."""
    names = _names_of(place.function, place.call) if place.function and place.kind == "trains" else set()
    at = {
        index
        for node in ast.walk(place.function or place.call)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple)
        for index, value in enumerate(node.value.elts)
        if isinstance(value, ast.Name) and value.id in names
    }
    for node in place.source.tree.body:
        last = node.body[-1] if isinstance(node, ast.FunctionDef) else None
        value = last.value if isinstance(last, ast.Return) else None
        if not (isinstance(node, ast.FunctionDef) and isinstance(value, ast.Subscript)) or not place.function:
            continue
        called = dotted(value.value.func) if isinstance(value.value, ast.Call) else ""
        if called == place.function.name and isinstance(value.slice, ast.Constant) and value.slice.value in at:
            return Place(place.source, place.call, place.name, "factory", node, required(node))
    return place


def _imports(tree: ast.Module) -> dict[str, str]:
    """Return the full name of every imported name; a star import of a library is the key ``*``."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name if alias.asname else alias.name.partition(".")[0]
                found[alias.asname or top] = top
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found[alias.asname or alias.name] = f"{'.' * node.level}{node.module or ''}.{alias.name}"
                if alias.name == "*" and node.module in _LIBRARIES:
                    found.setdefault("Trainer", f"{node.module}.Trainer")
    return found


def dotted(node: ast.expr) -> str:
    """Return ``a.b.c`` of such an expression, else an empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def _is_trainer(name: str, imports: dict[str, str], classes: frozenset[str]) -> bool:
    """Whether a name in the code is a class of a library, or one of the project's subclasses."""
    first, _, rest = name.partition(".")
    full = imports.get(first, first) + (f".{rest}" if rest else "")
    library = full.partition(".")[0] in _LIBRARIES and full.endswith("Trainer")
    return library or full.rpartition(".")[2] in classes


def _subclasses(sources: Sequence[Source], imports: Mapping[Path, dict[str, str]]) -> frozenset[str]:
    """Return the names of the project's classes that are Trainers by their bases, also across files."""
    found: frozenset[str] = frozenset()
    while True:
        more = {
            node.name
            for source in sources
            for node in ast.walk(source.tree)
            if isinstance(node, ast.ClassDef)
            if any(_is_trainer(dotted(base), imports[source.path], found) for base in node.bases)
        }
        if more <= found:
            return found
        found |= more


def _places(
    source: Source, imports: dict[str, str], classes: frozenset[str], makers: set[str] | None = None
) -> Iterator[Place]:
    for call, parents in _calls(source.tree, ()):
        name = dotted(call.func)
        if not name or _is_super(call):
            continue
        wanted = name.rpartition(".")[2] in makers if makers is not None else _is_trainer(name, imports, classes)
        if wanted:
            yield _classified(source, call, name, parents)


def _is_super(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call)


def _calls(node: ast.AST, parents: tuple[ast.AST, ...]) -> Iterator[tuple[ast.Call, tuple[ast.AST, ...]]]:
    if isinstance(node, ast.Call):
        yield node, parents
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, (*parents, node))


def _classified(source: Source, call: ast.Call, name: str, parents: tuple[ast.AST, ...]) -> Place:
    scopes = [node for node in parents if isinstance(node, (ast.ClassDef, Function, ast.Lambda))]
    if not scopes:
        block = any(isinstance(node, ast.If) and is_main_block(node) for node in parents)
        return Place(source, call, name, "main block" if block else "script")
    outer = scopes[0]
    if not isinstance(outer, Function):
        return Place(source, call, name, "method")
    needs = required(outer)
    if len(scopes) > 1:
        return Place(source, call, name, "nested", outer, needs)
    kind: Kind = "factory" if _returns_untrained(outer, call) else "trains"
    return Place(source, call, name, kind, outer, needs)


def is_main_block(node: ast.stmt) -> bool:
    """Whether a statement is ``if __name__ == "__main__":``, without an ``else``."""
    if not isinstance(node, ast.If) or node.orelse or not isinstance(node.test, ast.Compare):
        return False
    sides = [node.test.left, *node.test.comparators]
    return {"__name__", "__main__"} == {
        side.id if isinstance(side, ast.Name) else getattr(side, "value", None) for side in sides
    }


def required(function: Function) -> tuple[str, ...]:
    """Return the parameters without a default that a factory is not given."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    without = positional[: len(positional) - len(arguments.defaults)]
    without += [arg for arg, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if not default]
    return tuple(arg.arg for arg in without if arg.arg not in KEYWORDS)


def _names_of(function: Function, call: ast.Call) -> set[str]:
    """Return the variables that hold what a call returns."""
    return {
        target.id
        for node in ast.walk(function)
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is call
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }


def _returns_untrained(function: Function, call: ast.Call) -> bool:
    names = _names_of(function, call)
    returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
    returns = any(value is call or (isinstance(value, ast.Name) and value.id in names) for value in returned)
    trains = any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in TRAINS
        and (node.func.value is call or (isinstance(node.func.value, ast.Name) and node.func.value.id in names))
        for node in ast.walk(function)
    )
    return returns and not trains and isinstance(function, ast.FunctionDef)
