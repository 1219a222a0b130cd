"""The checks of a task as rows of a table: one for each check, over all engines and seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ftcheck.checks.catalogue import catalogue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.report.document import Document
    from pytest_ftcheck.report.records import CheckRecord, Outcome

_WORST_FIRST: tuple[Outcome, ...] = ("failed", "skipped", "passed")


@dataclass(frozen=True)
class CheckRow:
    """A check of the page."""

    check: str
    status: str
    """``failed``, ``warned``, ``skipped`` or ``passed``: the worst outcome of its tests."""
    meaning: str
    """What must hold; empty for a check of another package that is not installed."""
    hint: str
    """Likely causes and what to do."""
    reasons: tuple[str, ...]
    """Why it was skipped."""
    cost: str
    seconds: float
    """Of all its tests together."""
    tests: int


def check_rows(document: Document, task: str) -> list[CheckRow]:
    """Return the checks of a task, failed ones first, then those that warn, those that were skipped, and the rest."""
    tests: dict[str, list[CheckRecord]] = {}
    for test in document.checks:
        if test.task == task:
            tests.setdefault(test.check, []).append(test)
    nodes = {found.nodeid for found in document.warnings}
    rows = [_row(check, found, warns=any(test.nodeid in nodes for test in found)) for check, found in tests.items()]
    places = ("failed", "warned", "skipped", "passed")
    return sorted(rows, key=lambda row: places.index(row.status))


def _row(check: str, tests: Sequence[CheckRecord], *, warns: bool) -> CheckRow:
    known = catalogue().get(check)
    outcome = min((test.outcome for test in tests), key=_WORST_FIRST.index)
    if outcome == "skipped" and any(test.outcome == "passed" for test in tests):
        outcome = "passed"  # the gates of a task are one check, and a metric of it may have no limit
    return CheckRow(
        check=check,
        status="warned" if warns and outcome != "failed" else outcome,
        meaning=known.meaning if known else "",
        hint=known.hint if known else "",
        reasons=tuple(dict.fromkeys(test.reason for test in tests if test.reason)),
        cost=tests[0].cost,
        seconds=sum(test.seconds for test in tests),
        tests=len(tests),
    )
