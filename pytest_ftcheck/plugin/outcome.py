"""The end of a session: the process that has the terminal judges, shows and writes the results."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.compat.of_pytest import is_worker, terminal_encoding, terminal_writer
from pytest_ftcheck.judging.accepting import accept
from pytest_ftcheck.judging.sections import sections_of
from pytest_ftcheck.judging.verdict import SessionVerdict
from pytest_ftcheck.plugin.effects import unused_options
from pytest_ftcheck.plugin.failures_section import FailuresSection
from pytest_ftcheck.plugin.junit import record_case
from pytest_ftcheck.plugin.session import own_tests_line
from pytest_ftcheck.printable import printable

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence
    from pathlib import Path

    from pytest_ftcheck.judging.accepting import Ended
    from pytest_ftcheck.plugin.report import Reports
    from pytest_ftcheck.report.document import Document
    from pytest_ftcheck.report.view import View
    from pytest_ftcheck.sessions.session import FtcheckSession

_FINISHED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
_ENDED: Mapping[int, Ended] = {pytest.ExitCode.OK: "green", pytest.ExitCode.INTERRUPTED: "was interrupted"}


class SessionOutcome:
    """Judges the session by the reports of all tests."""

    def __init__(self, session: FtcheckSession, reports: Reports, given: Sequence[str] = ()) -> None:
        """Take the reports of a session, and the `Settings` fields of the options on its command line."""
        self._session = session
        self._reports = reports
        self._verdict = SessionVerdict(session, reports, given)
        self.failures = FailuresSection()
        self._document: Document | None = None
        self._unused: str = ""
        """Message about options without an effect in this session; empty where there is none."""
        self._calibration: Sequence[str] = ()
        """Lines of the proposed limits."""
        self._baseline: Sequence[str] = ()
        """Lines about accepted runs: values before and after, rows whose prediction changed, what was accepted."""

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Add verdicts without a test to the JUnit report before it is written; then judge the session last."""
        listed = session.config.getoption("collectonly")
        if not listed and session.exitstatus in _FINISHED:
            for nodeid, failure, values in self._verdict.cases_over_seeds():
                record_case(session.config, nodeid, failure=failure, values=values)
        if not listed and self._session.settings.calibrate:
            self._calibrate(session)
        yield
        if not listed:
            self._finish(session)

    def _calibrate(self, session: pytest.Session) -> None:
        """Propose limits; the session fails where one is refused or cannot be written."""
        usable = session.exitstatus == pytest.ExitCode.OK
        proposed = self._verdict.calibrate(usable=usable)
        self._calibration = proposed.lines
        for nodeid, failure in proposed.cases():
            record_case(session.config, nodeid, failure=failure)
        if usable and not proposed.complete:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _finish(self, session: pytest.Session) -> None:
        """Set the exit status: failed if no test ran for a task, usage error if a test found a misuse."""
        self._verdict.command = f"pytest {shlex.join(map(str, session.config.invocation_params.args))}".rstrip()
        if self._session.settings.tasks:
            from pytest_ftcheck.plugin.collection import unreached_overrides  # noqa: PLC0415 - as the suite

            self._verdict.more_notes += unreached_overrides(session.config)
        finished = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if finished and (self._idle_tasks(session.config) or self._verdict.unreported or self._verdict.red_over_seeds):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self._unused = unused_options(session.config, self._session.settings, used=self._reports.used)
        misused = self._reports.misused and session.exitstatus == pytest.ExitCode.TESTS_FAILED
        if misused or (self._unused and finished):
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        self.failures.reorder(session.config, self._verdict.causes)
        # Runs are accepted only if everything above passed.
        accepted = accept(self._session, _ENDED.get(session.exitstatus, "failed"))
        self._verdict.baseline, self._baseline = accepted.record, accepted.lines
        if accepted.refused and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if not (self._verdict.used or self._verdict.paths):  # what a document needs is slow to import
            return
        self._document = self._verdict.document(int(session.exitstatus), self._idle_tasks(session.config))
        written = self._verdict.write_reports(self._document)
        if not written and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _idle_tasks(self, config: pytest.Config) -> list[str]:
        """Return the selected tasks for which no test ran; tasks that --lf left out have passed before."""
        return [] if config.getoption("lf", default=False) else self._verdict.idle_tasks()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
        """Show what was measured, causes and the table with the verdict on the model, and accepted runs."""
        self.failures.restore(terminalreporter)
        writer = terminal_writer(terminalreporter)
        sections = sections_of(self._reports, self._calibration, color=writer.hasmarkup, width=writer.fullwidth)
        for title, lines in sections:
            _show(terminalreporter, title, lines)
        for error in filter(None, (self._unused, *self._verdict.lost.splitlines())):
            terminalreporter.write_line(f"ERROR: {error}", red=True)
        if self._verdict.used and not config.getoption("collectonly"):
            view = view_of(terminalreporter)
            _show(terminalreporter, "ftcheck", self._verdict.lines(self._idle_tasks(config), view))
            self._publish(terminalreporter)
        if self._baseline:
            _show(terminalreporter, "ftcheck: baseline", map(printable, self._baseline))

    def _publish(self, reporter: pytest.TerminalReporter) -> None:
        """Annotate causes and write the summary of the step, where GitHub Actions runs the session."""
        if self._document is None:
            return
        from pytest_ftcheck.report.github import publish  # noqa: PLC0415 - imports rich

        commands, problem = publish(self._document, self._session.settings, os.environ)
        for line in commands:
            reporter.write_line(line)
        if problem:
            reporter.write_line(f"ERROR: {problem}", red=True)


def _show(reporter: pytest.TerminalReporter, title: str, lines: Iterable[str]) -> None:
    """Write a section of the summary."""
    reporter.section(title, "=")
    for line in lines:
        reporter.write_line(line)


def view_of(reporter: pytest.TerminalReporter) -> View:
    """Return how this terminal, or this log, shows lines."""
    from pytest_ftcheck.report.view import View  # noqa: PLC0415 - imports rich

    writer = terminal_writer(reporter)
    return View(
        color=writer.hasmarkup,
        width=writer.fullwidth if reporter.isatty else None,
        verbosity=reporter.config.get_verbosity(),
        encoding=terminal_encoding(writer),
    )


def header(session: FtcheckSession, config: pytest.Config) -> list[str]:
    """Lines of the report header."""
    from pytest_ftcheck.judging.prepare import header_of  # noqa: PLC0415 - after start-up

    return [printable(line) for line in (*header_of(session), *own_tests_line(config, session))]


def begin_reports(config: pytest.Config, paths: Mapping[str, Path | str | None]) -> None:
    """Write what stands in the requested files until the session ends.

    Args:
        config: of any process; only the one that has the terminal writes.
        paths: by the `Settings` field of the option.

    Raises:
        SettingsError: a file cannot be written.

    """
    given = {name: path for name, path in paths.items() if path}
    if given and not config.getoption("collectonly") and not is_worker(config):
        from pytest_ftcheck.report.unfinished import begin_files  # noqa: PLC0415 - only where asked for

        begin_files(given)
