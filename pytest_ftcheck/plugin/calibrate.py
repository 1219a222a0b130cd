"""``--ftcheck-calibrate``: a test per seed; limits are proposed at the end of the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.judging.calibration import CALIBRATION, Calibration
from pytest_ftcheck.plugin.junit import record_case
from pytest_ftcheck.plugin.report import reports_of
from pytest_ftcheck.plugin.task_module import TaskModule, suite_test
from pytest_ftcheck.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ftcheck.plugin.outcome import SessionOutcome
    from pytest_ftcheck.sessions.session import FtcheckSession


def calibrate_items(session: pytest.Session, task: str) -> Iterator[pytest.Item]:
    """Collect a test per seed for a task."""
    for item, callspec in TaskModule.of_task(session, task, "calibrate").cases():
        yield suite_test(item, task, CALIBRATION, "run", callspec.params["ft_variant"])


class CalibrateOutcome:
    """Collects the seeds of all processes, and shows the proposed limits."""

    def __init__(self, session: FtcheckSession, outcome: SessionOutcome) -> None:
        self._session = session
        self._outcome = outcome
        self._lines: Sequence[str] = ()

    @pytest.hookimpl(tryfirst=True)  # before pytest writes its JUnit report
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Propose limits from the measured metrics; the session fails where one is refused or cannot be written."""
        if session.config.getoption("collectonly"):
            return
        usable = session.exitstatus == pytest.ExitCode.OK
        told = list(reports_of(session.config).values(CALIBRATION).values())
        proposed = Calibration(self._session).propose(told, usable=usable)
        self._lines, self._outcome.verdict.calibration = proposed.lines, proposed.records()
        for nodeid, failure in proposed.cases():
            record_case(session.config, nodeid, failure=failure)
        if usable and not proposed.complete:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the proposed limits, and their TOML."""
        if not self._lines:
            return
        terminalreporter.section("ftcheck: calibration", "=")
        for line in self._lines:
            terminalreporter.write_line(printable(line))
