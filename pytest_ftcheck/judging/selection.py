"""Checks that are asked for by name, looked at before torch is imported."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_ftcheck.checks.catalogue import FAMILIES, OPT_IN
from pytest_ftcheck.checks.names import COST_OF
from pytest_ftcheck.errors import SettingsError, TaskError, closest
from pytest_ftcheck.extensions import extensions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_ftcheck.checks.catalogue import Cost

FLOOR_ID = "metrics.floor"
"""The gates: a check of the suite that the catalogue does not have."""
_NAMES_OF_GATES = frozenset({"metrics.ceiling", "metrics.baseline", "metrics.seeds", "metrics.failed_runs"})
"""What the findings of the gates are called beside ``metrics.floor``, whose tests judge all of that."""
_LIST = "--ftcheck-list-checks shows them all."


def costs() -> Mapping[str, Cost]:
    """Cost of every check of the suite by id, the gates among them, in the order of the families."""
    # What one of another package costs is known once it is imported: a run, as most do.
    others: dict[str, Cost] = dict.fromkeys(extensions("checks"), "run")
    known: dict[str, Cost] = {**COST_OF, FLOOR_ID: "run", **others}
    return MappingProxyType({name: known[name] for name in in_order(known)})


def in_order(ids: Iterable[str]) -> list[str]:
    """Put ids of checks in the order of their families; within one, as they come."""
    return sorted(ids, key=lambda name: FAMILIES.index(_family(name)))


def choose_ids(known: Iterable[str], words: Iterable[str], *, opted_in: bool = False) -> tuple[str, ...]:
    """Choose checks by family or id; with a minus sign they are left out.

    Args:
        known: ids of all checks.
        words: such as ``("data", "collator.mask", "-training")``; where all have a minus, the others are chosen.
        opted_in: also those of the families that run only where they are named, as if they were.

    Raises:
        SettingsError: no such family or check, or nothing is left.

    """
    known, words = tuple(known), tuple(words)
    wanted = {_test_of(word) for word in words if not word.startswith("-")}
    unwanted = {_test_of(word.removeprefix("-")) for word in words if word.startswith("-")}
    for word in sorted(wanted | unwanted):
        if word not in known and word not in FAMILIES:
            raise SettingsError("--ftcheck-checks: " + _unknown_check(word, known))
    chosen = tuple(
        name
        for name in known
        if ({name, _family(name)} & wanted or (not wanted and (opted_in or _family(name) not in OPT_IN)))
        and not {name, _family(name)} & unwanted
    )
    if not chosen:
        msg = f"--ftcheck-checks={','.join(words)} leaves no check. Take a family or an id without a minus."
        raise SettingsError(msg)
    return chosen


def check_ids_of_card(task: str, named: Iterable[str], known: Iterable[str]) -> None:
    """Compare the checks that a card names with those that there are.

    Raises:
        TaskError: it names another one.

    """
    for name in named:
        if name not in known:
            msg = f"task card {task!r}: checks.{name}: " + _unknown_check(name, known)
            raise TaskError(msg)


def _family(name: str) -> str:
    return name.partition(".")[0]


def _test_of(word: str) -> str:
    return FLOOR_ID if word in _NAMES_OF_GATES else word


def _unknown_check(word: str, known: Iterable[str]) -> str:
    """Word that there is no such check: of a hundred names, those of the same family help."""
    family = _family(word)
    near = [name for name in known if name.startswith(f"{family}.")] if family in FAMILIES else list(FAMILIES)
    guess = closest(word, [*FAMILIES, *known])
    return f"unknown check {word!r}.{guess} Known: {', '.join(near)}. {_LIST}"
