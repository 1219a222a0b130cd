"""Where a block of statements is cut: up to the untrained Trainer, and what is done with it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_ftcheck.init.find import TRAINS
from pytest_ftcheck.init.names import union
from pytest_ftcheck.init.segments import NotSafeError, Segment, first_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.init.find import Place

_CONFIGURES = frozenset(
    {
        "add_callback",
        "create_optimizer",
        "create_optimizer_and_scheduler",
        "create_scheduler",
        "pop_callback",
        "remove_callback",
    }
)
"""Methods that change a Trainer without training it."""
_BLOCKS = {ast.If: "a condition", ast.For: "a loop", ast.While: "a loop", ast.With: "a `with`", ast.Try: "a `try`"}
_LOCALS = frozenset({"eval", "exec", "globals", "locals", "vars"})


@dataclass(frozen=True)
class Cut:
    """A block in two parts."""

    trainer: str
    """The variable that holds the Trainer."""
    setup: tuple[Segment, ...]
    """Statements up to the Trainer; those after it that only configure it are with them."""
    rest: tuple[Segment, ...]
    moved: tuple[Segment, ...]
    """Those of the setup that go into a function."""

    @property
    def bound(self) -> frozenset[str]:
        """Names that the moved statements bind."""
        return union(segment.names.bound for segment in self.moved)

    @property
    def needed(self) -> tuple[str, ...]:
        """Names, other than the Trainer, that the moved statements bind and the rest uses; in their order."""
        used = union(segment.names.used for segment in self.rest)
        used |= union(s.names.bound for s in self.rest if isinstance(s.node, (ast.AugAssign, ast.Delete)))
        order = [name for segment in self.moved for name in sorted(segment.names.bound)]
        return tuple(dict.fromkeys(name for name in order if name in used and name != self.trainer))

    def of_moved(self, moved: Sequence[Segment]) -> Cut:
        """Return the cut where only some statements of the setup go into a function.

        Raises:
            NotSafeError: a function changes a name by ``global`` that would no longer be the module's.

        """
        cut = replace(self, moved=tuple(moved))
        _check_scopes(cut)
        return cut

    def returned(self) -> str:
        """Return the code of what the function returns."""
        return ", ".join((self.trainer, *self.needed))


def free_name(names: Sequence[str], taken: Sequence[str]) -> str:
    """Return the first name that a file does not have.

    Raises:
        NotSafeError: it has all.

    """
    for name in names:
        if name not in taken:
            return name
    msg = f"the file has {', '.join(names)} already: name the factory with --place"
    raise NotSafeError(msg)


def cut_at(place: Place, segments: Sequence[Segment]) -> Cut:
    """Cut a block of statements after the one that makes the Trainer.

    Raises:
        NotSafeError: the Trainer has no name, or stands in a loop, a condition, a `with` or a `try`; the block returns
            or yields before it; a name is deleted that is needed later.

    """
    (at,) = (i for i, segment in enumerate(segments) if any(node is place.call for node in ast.walk(segment.node)))
    node = segments[at].node
    for block, name in _BLOCKS.items():
        if isinstance(node, block):
            msg = f"the Trainer is built inside of {name} (line {node.lineno}): build it in a function of its own"
            raise NotSafeError(msg)
    trainer = _name(node, place.call)
    end = _configured(segments, at, trainer)
    setup = tuple(segments[:end])
    cut = Cut(trainer, setup, tuple(segments[end:]), setup)
    for segment in setup:
        _check_flow(segment.node)
    _check_scopes(cut)
    return cut


def _name(node: ast.stmt, call: ast.Call) -> str:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    if len(targets) == 1 and isinstance(targets[0], ast.Name) and getattr(node, "value", None) is call:
        return targets[0].id
    msg = f"line {node.lineno} does more than to build the Trainer: write `trainer = …` on a line of its own before it"
    raise NotSafeError(msg)


def _configured(segments: Sequence[Segment], at: int, trainer: str) -> int:
    """Return the index after the last statement that configures the Trainer before it is used."""
    end = at + 1
    for index, segment in enumerate(segments[at + 1 :], start=at + 1):
        if isinstance(segment.node, (ast.FunctionDef, ast.ClassDef)):
            continue
        if trainer in segment.names.used:
            if not _only_configures(segment.node, trainer):
                break
            end = index + 1
        elif _trains(segment.node):
            break
    return end


def _trains(node: ast.stmt) -> bool:
    return any(isinstance(inner, ast.Attribute) and inner.attr in TRAINS for inner in ast.walk(node))


def _only_configures(node: ast.stmt, trainer: str) -> bool:
    """Whether a statement uses the Trainer to set an attribute, or to call a method that configures it, alone."""
    allowed: set[ast.expr] = set()
    for inner in ast.walk(node):
        target: ast.AST | None = None
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr in _CONFIGURES:
            target = inner.func
        elif isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
            target = inner
        while isinstance(target, ast.Attribute):
            target = target.value
            allowed.add(target)
    return all(inner in allowed for inner in ast.walk(node) if isinstance(inner, ast.Name) and inner.id == trainer)


def _check_flow(node: ast.AST) -> None:
    """Refuse what ends, suspends or inspects the function that the statements are in.

    Raises:
        NotSafeError: there is such a thing.

    """
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
        return
    if isinstance(node, (ast.Return, ast.Yield, ast.YieldFrom, ast.Await, ast.AsyncFor, ast.AsyncWith)):
        what = type(node).__name__.lower().removeprefix("async")
        msg = f"line {node.lineno} has a `{what}` before the Trainer is built: move it behind"
        raise NotSafeError(msg)
    if isinstance(node, (ast.Global, ast.Nonlocal)):
        msg = f"line {node.lineno} declares {', '.join(node.names)} as global: pass values by parameters"
        raise NotSafeError(msg)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _LOCALS:
        msg = f"line {node.lineno} calls {node.func.id}(), which depends on the scope: write the factory by hand"
        raise NotSafeError(msg)
    for child in ast.iter_child_nodes(node):
        _check_flow(child)


def _check_scopes(cut: Cut) -> None:
    for segment in (*cut.setup, *cut.rest):
        changed = sorted(segment.names.declared_global & cut.bound)
        if changed:
            line = first_line(segment.node) + 1
            msg = f"line {line}: a function declares {changed[0]} as global: pass it as a parameter"
            raise NotSafeError(msg)
    for segment in cut.moved:
        deleted = {
            name.id
            for node in ast.walk(segment.node)
            if isinstance(node, ast.Delete)
            for name in node.targets
            if isinstance(name, ast.Name)
        }
        if deleted & {*cut.needed, cut.trainer}:
            msg = f"line {segment.node.lineno} deletes {min(deleted)}, which is used later: write the factory by hand"
            raise NotSafeError(msg)
