"""The baseline at a session's end: gathered from all processes, accepted and shown by the one with the terminal."""

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
    """Accept what ran; see `BaselineOutcome.finish`."""
    outcome: BaselineOutcome | None = session.config.pluginmanager.get_plugin("ftcheck-baseline")
    return None if outcome is None else outcome.finish(session)


class BaselineOutcome:
    """Gathers what all processes know of the baseline."""

    def __init__(self, session: FtcheckSession) -> None:
        self._session = session
        self._lines: tuple[str, ...] = ()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker found."""
        sent = getattr(node, "workeroutput", {}).get(_SENT)
        if sent:
            self._session.open_baselines().receive(sent)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Send what this worker found."""
        if hasattr(session.config, "workeroutput") and self._session.baselines is not None:
            session.config.workeroutput[_SENT] = self._session.baselines.to_send()

    def finish(self, session: pytest.Session) -> BaselineRecord | None:
        """Accept what ran, where that is asked for and nothing failed; return what the JSON document tells.

        Turns the exit status red where a run cannot be accepted.
        """
        status = session.exitstatus
        ended: dict[int, Ended] = {pytest.ExitCode.OK: "green", pytest.ExitCode.INTERRUPTED: "was interrupted"}
        accepted = accept(self._session, ended.get(status, "failed"))
        self._lines = accepted.lines
        if accepted.refused and status == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return accepted.record

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show values before and after, the rows that flipped, and what was accepted."""
        if not self._lines:
            return
        terminalreporter.section("ftcheck: baseline", "=")
        for line in self._lines:
            terminalreporter.write_line(printable(line))
