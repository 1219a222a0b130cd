"""The baseline at the end of a session: the process with the terminal gathers, accepts and shows the runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.judging.accepting import accept
from pytest_ftcheck.printable import printable

if TYPE_CHECKING:
    from pytest_ftcheck.judging.accepting import Ended
    from pytest_ftcheck.report.baseline import BaselineRecord
    from pytest_ftcheck.sessions.session import FtcheckSession

_SENT = "ftcheck_baselines"


def finish_baselines(session: pytest.Session) -> BaselineRecord | None:
    """Accept the runs of this session; see `BaselineOutcome.finish`."""
    outcome: BaselineOutcome | None = session.config.pluginmanager.get_plugin("ftcheck-baseline")
    return None if outcome is None else outcome.finish(session)


class BaselineOutcome:
    """Gathers the records of the baseline from all processes."""

    def __init__(self, session: FtcheckSession) -> None:
        self._session = session
        self._lines: tuple[str, ...] = ()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take the records of a worker."""
        sent = getattr(node, "workeroutput", {}).get(_SENT)
        if sent:
            self._session.open_baselines().receive(sent)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Send the records of this worker."""
        if hasattr(session.config, "workeroutput") and self._session.baselines is not None:
            session.config.workeroutput[_SENT] = self._session.baselines.to_send()

    def finish(self, session: pytest.Session) -> BaselineRecord | None:
        """Accept the runs, if that was requested and nothing failed; return the record for the JSON document.

        Sets the exit status to failed where a run cannot be accepted.
        """
        status = session.exitstatus
        ended: dict[int, Ended] = {pytest.ExitCode.OK: "green", pytest.ExitCode.INTERRUPTED: "was interrupted"}
        accepted = accept(self._session, ended.get(status, "failed"))
        self._lines = accepted.lines
        if accepted.refused and status == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return accepted.record

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show values before and after, the rows whose prediction changed, and the accepted runs."""
        if not self._lines:
            return
        terminalreporter.section("ftcheck: baseline", "=")
        for line in self._lines:
            terminalreporter.write_line(printable(line))
