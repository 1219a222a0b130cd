"""The end of a session: the process that has the terminal judges, shows and writes the results."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.compat.of_pytest import is_worker, terminal_writer
from pytest_ftcheck.judging.causes import folded
from pytest_ftcheck.judging.verdict import SessionVerdict
from pytest_ftcheck.plugin.baseline_outcome import finish_baselines
from pytest_ftcheck.plugin.effects import unused_options
from pytest_ftcheck.plugin.junit import record_case
from pytest_ftcheck.plugin.session import own_tests_line

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_ftcheck.judging.causes import Causes
    from pytest_ftcheck.plugin.report import Reports
    from pytest_ftcheck.sessions.session import FtcheckSession

_FINISHED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


class SessionOutcome:
    """Judges the session by the reports of all tests."""

    def __init__(self, session: FtcheckSession, reports: Reports) -> None:
        self._session = session
        self._reports = reports
        self.verdict = SessionVerdict(session, reports)
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
        if finished and (self._idle_tasks(session.config) or self.verdict.untold or self.verdict.red_over_seeds):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self._unused = unused_options(session.config, self._session.settings, used=self._reports.used)
        misused = self._reports.misused and session.exitstatus == pytest.ExitCode.TESTS_FAILED
        if misused or (self._unused and finished):
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        _reorder(session.config, self.verdict.causes)
        # Runs are accepted only if everything above passed.
        self.verdict.baseline = finish_baselines(session)
        written = self.verdict.write_document(int(session.exitstatus), self._idle_tasks(session.config))
        if not written and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _idle_tasks(self, config: pytest.Config) -> list[str]:
        """Return the selected tasks for which no test ran; tasks that --lf left out have passed before."""
        return [] if config.getoption("lf", default=False) else self.verdict.idle_tasks()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
        """Show the table with the verdict on the model."""
        for error in filter(None, (self._unused, *self.verdict.lost.splitlines())):
            terminalreporter.write_line(f"ERROR: {error}", red=True)
        if not self.verdict.used or config.getoption("collectonly"):
            return
        terminalreporter.section("ftcheck", "=")
        writer = terminal_writer(terminalreporter)
        for line in self.verdict.lines(self._idle_tasks(config), color=writer.hasmarkup, width=writer.fullwidth):
            terminalreporter.write_line(line)


def _reorder(config: pytest.Config, causes: Causes) -> None:
    """Put the cause first in pytest's list of failures; without -v, shorten its consequences."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    failed = reporter.stats.get("failed", []) if reporter is not None else []
    ours = [place for place, report in enumerate(failed) if causes.red_of(report.nodeid)]
    ranked = sorted((failed[place] for place in ours), key=lambda report: causes.rank(report.nodeid))
    for place, report in zip(ours, ranked, strict=True):
        failed[place] = report
        if config.get_verbosity() <= 0 and (text := folded(causes.red_of(report.nodeid))):
            report.longrepr = text


def header(session: FtcheckSession, config: pytest.Config) -> list[str]:
    """Lines of the report header."""
    from pytest_ftcheck.report.header import header_lines  # noqa: PLC0415 - after start-up
    from pytest_ftcheck.training.train_or_load import environment_of  # noqa: PLC0415 - slow to import

    pipelines = list(session.pipelines.values())
    environments = [environment_of(session.settings, pipeline) for pipeline in pipelines]
    return [*header_lines(pipelines, session.settings, environments), *own_tests_line(config, session)]


def begin_documents(config: pytest.Config, json: Path | str | None, html: Path | str | None) -> None:
    """Write documents with the state "not finished"; see `begin_json` and `begin_page`."""
    if config.getoption("collectonly") or is_worker(config):
        return
    if json:
        from pytest_ftcheck.report.json import begin_json  # noqa: PLC0415 - only where asked for

        begin_json(Path(json))
    if html:
        from pytest_ftcheck.report.html.unfinished import begin_page  # noqa: PLC0415 - as above

        begin_page(Path(html))
