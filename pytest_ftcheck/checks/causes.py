"""Separates causes from consequences: the likely cause is reported first, its consequences below it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ftcheck.checks.cause_table import SYMPTOMS, explains
from pytest_ftcheck.checks.names import COST_OF

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Cause:
    """A failed check that no other failed check explains."""

    check: str
    consequences: tuple[str, ...]
    """Failed checks that it explains, directly or through others."""


def likely_causes(red: Iterable[str]) -> list[Cause]:
    """Separate causes from consequences.

    Args:
        red: ids of the checks of one task that fail.

    Returns:
        The causes, the most likely one first: symptoms come last, then what explains more comes first, then the order
        of the catalogue decides, which is that of the pipeline. Each consequence is below the first of its causes.

    """
    checks = sorted(set(red), key=_place)
    roots = [check for check in checks if not any(explains(other, check) for other in checks)]
    reached = {root: _reached(root, checks) for root in roots}
    roots.sort(key=lambda root: (root in SYMPTOMS, -len(reached[root])))
    explained: set[str] = set()
    causes = []
    for root in roots:
        causes.append(Cause(root, tuple(check for check in reached[root] if check not in explained)))
        explained.update(reached[root])
    return causes


def _reached(root: str, checks: list[str]) -> list[str]:
    """Return the checks that a check explains, also through others, in the order of the catalogue."""
    reached: set[str] = set()
    open_ends = [root]
    while open_ends:
        explained = {check for check in checks if explains(open_ends[-1], check)} - reached
        open_ends.pop()
        reached |= explained
        open_ends += explained
    return [check for check in checks if check in reached]


def _place(check: str) -> tuple[int, str]:
    known = [*COST_OF, *(symptom for symptom in SYMPTOMS if symptom not in COST_OF)]
    return (known.index(check) if check in COST_OF or check in SYMPTOMS else len(known)), check
