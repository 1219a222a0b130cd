"""The names that a statement binds and uses, by Python's own symbol tables."""

from __future__ import annotations

import ast
import symtable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True)
class Names:
    """What a statement does with the names of the scope in which it stands."""

    bound: frozenset[str]
    used: frozenset[str]
    """Also by functions and classes within it, where the name is not their own."""
    declared_global: frozenset[str]
    """Names that a function within it assigns by ``global``."""


def names_of(statement: ast.stmt) -> Names:
    """Return the names of a statement that does not stand in a function or a class of its own."""
    table = symtable.symtable(ast.unparse(statement), "statement", "exec")
    walrus = {node.target.id for node in ast.walk(statement) if isinstance(node, ast.NamedExpr)}
    own = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    used = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    declared = set()
    for inner in _below(table):
        for symbol in inner.get_symbols():
            if symbol.is_global():
                used.add(symbol.get_name())
            if symbol.is_declared_global():
                declared.add(symbol.get_name())
    return Names(frozenset(own | walrus), frozenset(used), frozenset(declared - walrus))


def _below(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _below(child)


def union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    """Return all names of several sets."""
    return frozenset[str]().union(*sets)
