"""Chooses checks by name before torch is imported."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.catalogue import COSTS, FAMILIES, OPT_IN
from pytest_ftcheck.checks.names import COST_OF
from pytest_ftcheck.errors import SettingsError, TaskError, closest
from pytest_ftcheck.extensions import extensions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_ftcheck.checks.catalogue import Cost

FLOOR_ID = "metrics.floor"
"""Id of the gates: a check of the suite that is not in the catalogue."""
NAMES_OF_GATES = frozenset({"metrics.ceiling", "metrics.baseline", "metrics.seeds", "metrics.failed_runs"})
"""Other ids of the gates' findings; the tests of ``metrics.floor`` judge all of them."""
_LIST = "--ftcheck-list-checks shows them all."


def costs() -> Mapping[str, Cost]:
    """Return the cost of every check of the suite by id, with the gates, in the order of the families."""
    # The cost of another package's check is unknown before its import: assume a run, as for most checks.
    others: dict[str, Cost] = dict.fromkeys(extensions("checks"), "run")
    known: dict[str, Cost] = {**COST_OF, FLOOR_ID: "run", **others}
    return MappingProxyType({name: known[name] for name in in_order(known)})


def in_order(ids: Iterable[str]) -> list[str]:
    """Sort ids of checks by family; the order within a family stays."""
    return sorted(ids, key=lambda name: FAMILIES.index(_family(name)))


def cheap_first(case: Mapping[str, Any]) -> tuple[int, bool]:
    """Return the sort key of a test in a session with a budget: by cost; gates before other checks of a run."""
    return COSTS.index(case["cost"]), case["check"] != FLOOR_ID


def choose_ids(known: Iterable[str], words: Iterable[str], *, opted_in: bool = False) -> tuple[str, ...]:
    """Choose checks by family or id; with a minus sign they are left out.

    Args:
        known: ids of all checks.
        words: such as ``("data", "collator.mask", "-training")``; if all have a minus, all other checks are chosen.
        opted_in: also choose the families that otherwise run only if they are named.

    Raises:
        SettingsError: unknown family or check, or no check is left.

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
        msg = f"--ftcheck-checks={','.join(words)} leaves no check. Give a family or an id without a minus."
        raise SettingsError(msg)
    return chosen


def check_ids_of_card(task: str, named: Iterable[str], known: Iterable[str]) -> None:
    """Validate the ids of checks in a card.

    Raises:
        TaskError: the card names an unknown check.

    """
    for name in named:
        if name not in known:
            msg = f"task card {task!r}: checks.{name}: " + _unknown_check(name, known)
            raise TaskError(msg)


def _family(name: str) -> str:
    return name.partition(".")[0]


def _test_of(word: str) -> str:
    return FLOOR_ID if word in NAMES_OF_GATES else word


def _unknown_check(word: str, known: Iterable[str]) -> str:
    """Return the message about an unknown check; it lists only ids of the same family, because there are a hundred."""
    family = _family(word)
    near = [name for name in known if name.startswith(f"{family}.")] if family in FAMILIES else list(FAMILIES)
    guess = closest(word, [*FAMILIES, *known])
    return f"unknown check {word!r}.{guess} Known: {', '.join(near)}. {_LIST}"
