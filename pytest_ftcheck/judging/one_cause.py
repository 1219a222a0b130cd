"""One cause gives one failure: which other test tells of what a test cannot judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    Case = Mapping[str, Any]
    """What a test is about, as `pytest_ftcheck.judging.checks.Case.note` says it; empty for tests of no suite."""


def teller_of_check(case: Case, check: str, tests: Iterable[tuple[str, Case]]) -> str | None:
    """Return the test of another check over the same task and run; None where it is not in the session.

    Args:
        case: of the test that cannot judge.
        check: that tells why.
        tests: all of the session, by their node ids.

    """
    for nodeid, told in tests:
        # A check of the parts alone has neither engine nor seed.
        same = all(told.get(key) in (None, case[key]) for key in ("engine", "seed"))
        if told.get("task") == case["task"] and told["check"] == check and same:
            return nodeid
    return None


def teller_of_run(run: Case, checks: Collection[str], tests: Iterable[tuple[str, Case]]) -> str | None:
    """Return the first test of some checks over a run; None where none of them is in the session.

    Args:
        run: its task, engine and seed.
        checks: that tell what ended it.
        tests: all of the session, by their node ids.

    """
    for nodeid, told in tests:
        if run.items() <= told.items() and told["check"] in checks:
            return nodeid
    return None
