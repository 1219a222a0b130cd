"""Orders failed checks: the likely cause comes first, and each consequence names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.checks.causes import likely_causes
from pytest_ftcheck.report.records import CauseRecord, red_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ftcheck.checks.causes import Cause
    from pytest_ftcheck.judging.collected_notes import CollectedNotes
    from pytest_ftcheck.report.records import CheckRecord, FoundRecord, RedRecord


class Causes:
    """Causes and consequences among the failed tests of each task.

    Args:
        cases: tests of the suite, by node id.
        findings: findings that fail, with the node ids of their tests.

    """

    def __init__(self, cases: Mapping[str, CheckRecord], findings: Sequence[FoundRecord]) -> None:
        self._tasks = {nodeid: case.task for nodeid, case in cases.items()}
        self._findings = [found for found in findings if found.nodeid in self._tasks]
        self._others = [found for found in findings if found.nodeid not in self._tasks]
        self._red: dict[str, set[str]] = {}
        for found in self._findings:
            self._red.setdefault(self._task(found), set()).add(found.check)
        self._causes: dict[str, list[Cause]] = {task: likely_causes(red) for task, red in self._red.items()}
        self._because = {
            (task, check): cause.check
            for task, causes in self._causes.items()
            for cause in causes
            for check in cause.consequences
        }
        self._places = {
            (task, check): place
            for task, causes in self._causes.items()
            for place, check in enumerate(check for cause in causes for check in (cause.check, *cause.consequences))
        }

    def findings(self) -> list[RedRecord]:
        """Return the findings, each cause before its consequences, with ``because_of``; those of user's tests last."""
        ordered = sorted(self._findings, key=self._place)
        records = [red_record(found, self._because.get((self._task(found), found.check))) for found in ordered]
        return [*records, *(red_record(found, None) for found in self._others)]

    def records(self) -> list[CauseRecord]:
        """Return one entry for each cause: its task, its first finding, and the checks that it explains."""
        return [
            CauseRecord(
                task=task,
                finding=next(f for f in self._findings if self._task(f) == task and f.check == cause.check),
                consequences=list(cause.consequences),
            )
            for task, causes in self._causes.items()
            for cause in causes
        ]

    def red_of(self, nodeid: str) -> list[RedRecord]:
        """Return the findings of a test of the suite, each cause before its consequences; empty for any other test."""
        return [found for found in self.findings() if found.nodeid == nodeid and nodeid in self._tasks]

    def rank(self, nodeid: str) -> tuple[int, int]:
        """Return the sort key of a failed test of the suite among all failed tests."""
        return self._place(self.red_of(nodeid)[0])

    def _task(self, found: FoundRecord) -> str:
        return self._tasks[found.nodeid or ""]

    def _place(self, found: FoundRecord) -> tuple[int, int]:
        task = self._task(found)
        return list(self._red).index(task), self._places[task, found.check]


def causes_of(collected: CollectedNotes) -> Causes:
    """Return the causes of the findings of all processes."""
    return Causes(collected.cases, collected.findings)
