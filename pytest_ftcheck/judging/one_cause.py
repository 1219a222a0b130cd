"""One cause gives one failure: finds the other test that reports why a test cannot judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    Case = Mapping[str, Any]
    """Task, check, engine and seed from `pytest_ftcheck.judging.checks.Case.note`; empty for tests of the user."""


def reporting_test_of_check(case: Case, check: str, tests: Iterable[tuple[str, Case]]) -> str | None:
    """Return the test of another check for the same task and run; None where it is not in the session.

    Args:
        case: case of the test that cannot judge.
        check: id of the check that reports why.
        tests: all tests of the session, with their node ids.

    """
    for nodeid, other in tests:
        # A check that reads only the parts has neither engine nor seed.
        same = all(other.get(key) in (None, case[key]) for key in ("engine", "seed"))
        if other.get("task") == case["task"] and other["check"] == check and same:
            return nodeid
    return None


def reporting_test_of_run(run: Case, checks: Collection[str], tests: Iterable[tuple[str, Case]]) -> str | None:
    """Return the first test of some checks for a run; None where none is in the session.

    Args:
        run: task, engine and seed of the run.
        checks: ids of the checks that report its failure.
        tests: all tests of the session, with their node ids.

    """
    for nodeid, other in tests:
        if run.items() <= other.items() and other["check"] in checks:
            return nodeid
    return None
