"""Notes of tests for the summary: stored on the item, and carried by its report, also from a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.errors import CheckFailure, FtcheckError
from pytest_ftcheck.judging.collected_notes import CollectedNotes
from pytest_ftcheck.judging.notes import Notes
from pytest_ftcheck.printable import printable, printable_values

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOTES = pytest.StashKey[dict[str, Any]]()
REPORTS = pytest.StashKey["Reports"]()


def notes_of(item: pytest.Item) -> Notes:
    """Return the notes of an item: plain values only, because they are sent between processes."""
    return Notes(item.stash.setdefault(_NOTES, {}), item.user_properties)


def forget_notes(item: pytest.Item) -> None:
    """Remove the notes of a test that may run again, except its case."""
    item.stash[_NOTES] = {name: value for name, value in notes_of(item).values.items() if name == "case"}


def mark_report(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Show this plugin's errors without a traceback, and add the item's notes to the report.

    An `FtcheckError` in a test of the suite is misuse of the whole session; in a user's test, only that test fails.
    """
    ours, notes = uses_ftcheck(item), notes_of(item)
    if ours:
        report.user_properties = [(printable(name), value) for name, value in report.user_properties]
    report.ftcheck_used = is_own_use(item)  # type: ignore[attr-defined]  # reports carry extras
    error = call.excinfo.value if call.excinfo and ours else None
    if isinstance(error, (FtcheckError, CheckFailure)):
        report.longrepr = str(error)
        report.ftcheck_misuse = isinstance(error, FtcheckError) and bool(notes.case)  # type: ignore[attr-defined]
    if isinstance(error, CheckFailure):
        notes.findings(error.findings)
    if notes.case and isinstance(report.longrepr, tuple):  # the reason of a skip, which may name data
        path, line, reason = report.longrepr
        report.longrepr = (path, line, printable(reason))
    if report.when == "call" or report.failed or report.skipped:
        report.ftcheck = printable_values(notes.values)  # type: ignore[attr-defined]  # as above


def uses_ftcheck(item: pytest.Item) -> bool:
    """Whether a test uses a fixture or a marker of this plugin; errors of other tests keep their traceback."""
    marked = item.get_closest_marker("ftcheck_floor") is not None
    return marked or any(name.startswith("ft_") for name in getattr(item, "fixturenames", ()))


def is_own_use(item: pytest.Item) -> bool:
    """Whether a test of the project, not of the suite, uses a fixture or a marker of this plugin."""
    return uses_ftcheck(item) and not notes_of(item).case


class Reports(CollectedNotes):
    """Listens to the reports of all tests, in the process that has the terminal."""

    @pytest.hookimpl(tryfirst=True)  # other plugins show these records at the end
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the notes of a report."""
        notes: Mapping[str, Any] = getattr(report, "ftcheck", {})
        self.used |= getattr(report, "ftcheck_used", False)
        if str(report.outcome) == "rerun":  # of pytest-rerunfailures: another attempt follows
            self.forget(report.nodeid)
            return
        self.misused |= getattr(report, "ftcheck_misuse", False)
        self.take(report.nodeid, notes, outcome=report.outcome, reason=_reason(report), seconds=report.duration)


def reports_of(config: pytest.Config) -> Reports:
    """Return the collected reports of this session."""
    return config.stash[REPORTS]


def _reason(report: pytest.TestReport) -> str | None:
    """Return why a test was skipped."""
    if not report.skipped:
        return None
    return report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else report.longreprtext
