"""The end of a session: the process that has the terminal judges, shows and writes the results."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.compat.of_pytest import is_worker, terminal_encoding, terminal_writer
from pytest_ftcheck.judging.verdict import SessionVerdict
from pytest_ftcheck.option_table import FLAGS
from pytest_ftcheck.plugin.baseline_outcome import finish_baselines
from pytest_ftcheck.plugin.effects import unused_options
from pytest_ftcheck.plugin.junit import record_case
from pytest_ftcheck.plugin.session import own_tests_line
from pytest_ftcheck.plugin.told_once import ToldOnce

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from pytest_ftcheck.plugin.report import Reports
    from pytest_ftcheck.report.document import Document
    from pytest_ftcheck.report.view import View
    from pytest_ftcheck.sessions.session import FtcheckSession
    from pytest_ftcheck.settings import Settings

_FINISHED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


class SessionOutcome:
    """Judges the session by the reports of all tests."""

    def __init__(self, session: FtcheckSession, reports: Reports, given: Sequence[str] = ()) -> None:
        """Take the reports of a session, and the `Settings` fields of the options on its command line."""
        self._session = session
        self._reports = reports
        self.verdict = SessionVerdict(session, reports, given)
        self.told_once = ToldOnce()
        self._document: Document | None = None
        self._unused: str = ""
        """Message about options without an effect in this session; empty where there is none."""

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Add verdicts without a test to the JUnit report before it is written; then judge the session last."""
        listed = session.config.getoption("collectonly")
        if not listed and session.exitstatus in _FINISHED:
            for nodeid, failure, values in self.verdict.cases_over_seeds():
                record_case(session.config, nodeid, failure=failure, values=values)
        yield
        if not listed:
            self._finish(session)

    def _finish(self, session: pytest.Session) -> None:
        """Set the exit status: failed if no test ran for a task, usage error if a test found a misuse."""
        self.verdict.command = f"pytest {shlex.join(map(str, session.config.invocation_params.args))}".rstrip()
        if self._session.settings.tasks:
            from pytest_ftcheck.plugin.collection import unreached_overrides  # noqa: PLC0415 - as the suite

            self.verdict.more_notes += unreached_overrides(session.config)
        finished = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if finished and (self._idle_tasks(session.config) or self.verdict.unreported or self.verdict.red_over_seeds):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self._unused = unused_options(session.config, self._session.settings, used=self._reports.used)
        misused = self._reports.misused and session.exitstatus == pytest.ExitCode.TESTS_FAILED
        if misused or (self._unused and finished):
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        self.told_once.reorder(session.config, self.verdict.causes)
        # Runs are accepted only if everything above passed.
        self.verdict.baseline = finish_baselines(session)
        if not (self.verdict.used or self.verdict.paths):  # what a document needs is slow to import
            return
        self._document = self.verdict.document(int(session.exitstatus), self._idle_tasks(session.config))
        written = self.verdict.write_reports(self._document)
        if not written and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _idle_tasks(self, config: pytest.Config) -> list[str]:
        """Return the selected tasks for which no test ran; tasks that --lf left out have passed before."""
        return [] if config.getoption("lf", default=False) else self.verdict.idle_tasks()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
        """Show causes, the table with the verdict on the model, and what was measured."""
        self.told_once.restore(terminalreporter)
        for error in filter(None, (self._unused, *self.verdict.lost.splitlines())):
            terminalreporter.write_line(f"ERROR: {error}", red=True)
        if not self.verdict.used or config.getoption("collectonly"):
            return
        terminalreporter.section("ftcheck", "=")
        for line in self.verdict.lines(self._idle_tasks(config), view_of(terminalreporter)):
            terminalreporter.write_line(line)
        if self._document is not None:
            tell_github(terminalreporter, self._session.settings, self._document)


def tell_github(reporter: pytest.TerminalReporter, settings: Settings, document: Document) -> None:
    """Annotate causes and write the summary of the step, where GitHub Actions runs the session."""
    from pytest_ftcheck.report.github import append_summary, error_commands, is_on  # noqa: PLC0415 - imports rich

    if not is_on(settings.github, os.environ):
        return
    for line in error_commands(document, settings.rootdir, os.environ.get("GITHUB_WORKSPACE")):
        reporter.write_line(line)
    if problem := append_summary(document, os.environ):
        reporter.write_line(f"ERROR: {problem}", red=True)


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
    from pytest_ftcheck.report.header import header_lines  # noqa: PLC0415 - after start-up
    from pytest_ftcheck.training.train_or_load import environment_of  # noqa: PLC0415 - slow to import

    pipelines = list(session.pipelines.values())
    environments = [environment_of(session.settings, pipeline) for pipeline in pipelines]
    return [*header_lines(pipelines, session.settings, environments), *own_tests_line(config, session)]


def begin_reports(config: pytest.Config, paths: Mapping[str, Path | str | None]) -> None:
    """Write what stands in the requested files until the session ends.

    Args:
        config: of any process; only the one that has the terminal writes.
        paths: by the `Settings` field of the option.

    Raises:
        SettingsError: a file cannot be written.

    """
    given = {name: path for name, path in paths.items() if path}
    if not given or config.getoption("collectonly") or is_worker(config):
        return
    from pytest_ftcheck.report.json import begin_file  # noqa: PLC0415 - only where asked for
    from pytest_ftcheck.report.unfinished import UNFINISHED  # noqa: PLC0415 - as above

    for name, path in given.items():
        begin_file(Path(path), FLAGS[name], UNFINISHED[name])
