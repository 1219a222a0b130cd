"""What the tests of all processes told, by test: of one that ran again, the last time counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPORTS = pytest.StashKey["Reports"]()


class Reports:
    """Listens to the reports of all tests, in the process that has the terminal.

    Attributes:
        cases: of the suite's tests, by node id: what each is about, and its outcome.
        used: a test of the project took a fixture or a marker of ours.
        misused: a test of the suite could not be made: the tool is misused.

    """

    def __init__(self) -> None:
        self.cases: dict[str, dict[str, Any]] = {}
        self.used = False
        self.misused = False
        self._notes: dict[str, Mapping[str, Any]] = {}

    @pytest.hookimpl(tryfirst=True)  # others show at the end what is collected here
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a report carries."""
        notes: Mapping[str, Any] = getattr(report, "ftcheck", {})
        self.used |= getattr(report, "ftcheck_used", False)
        if str(report.outcome) == "rerun":  # of pytest-rerunfailures: another time follows
            self._notes.pop(report.nodeid, None)
            self.cases.pop(report.nodeid, None)
            return
        self.misused |= getattr(report, "ftcheck_misuse", False)
        if notes:
            self._notes[report.nodeid] = notes
        if "case" in notes:
            # The report of a teardown that failed comes after that of the call.
            self.cases[report.nodeid] = {
                "nodeid": report.nodeid,
                **notes["case"],
                "outcome": report.outcome,
                "reason": _reason(report),
                "seconds": report.duration,
            }

    def told(self, name: str) -> list[dict[str, Any]]:
        """Collect the entries of a list that tests told."""
        return [entry for _, entry in self.told_by(name)]

    def told_by(self, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the entries of a list that tests told, each with the node id of its test."""
        for nodeid, notes in self._notes.items():
            for entry in notes.get(name, ()):
                yield nodeid, entry

    def values(self, name: str) -> dict[str, Any]:
        """Return a value that tests told, by node id."""
        return {nodeid: notes[name] for nodeid, notes in self._notes.items() if name in notes}


def reports_of(config: pytest.Config) -> Reports:
    """Return what is collected in this session."""
    return config.stash[REPORTS]


def _reason(report: pytest.TestReport) -> str | None:
    """Why a test was skipped."""
    if not report.skipped:
        return None
    return report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else report.longreprtext
