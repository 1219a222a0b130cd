"""Pytest's section FAILURES: it does not repeat the tests that the section ftcheck explains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_ftcheck.judging.causes import Causes

_FAILED = "failed"


class FailuresSection:
    """Leaves the tests of the suite out of the section FAILURES, and only there: they are counted and listed."""

    def __init__(self) -> None:
        self._reports: list[pytest.TestReport] | None = None
        """All failed reports while the section is written."""
        self._explained: set[str] = set()
        """Node ids of the tests that the section ftcheck explains in full."""

    def reorder(self, config: pytest.Config, causes: Causes) -> None:
        """Put causes first among the failed tests; shorten the text of those that have output to show.

        Args:
            config: of the process that has the terminal.
            causes: of the whole session.

        """
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        failed = reporter.stats.get(_FAILED, []) if reporter is not None else []
        ours = [place for place, report in enumerate(failed) if causes.red_of(report.nodeid)]
        ranked = sorted((failed[place] for place in ours), key=lambda report: causes.rank(report.nodeid))
        for place, report in zip(ours, ranked, strict=True):
            failed[place] = report
            if not report.sections:
                self._explained.add(report.nodeid)
            else:
                checks = dict.fromkeys(found.check for found in causes.red_of(report.nodeid))
                report.longrepr = f"{', '.join(checks)}: see the section ftcheck below"

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Generator[None]:
        """Hide the reports while pytest writes its own section, which comes before those of plugins."""
        self._reports = terminalreporter.stats.get(_FAILED)
        if self._reports:
            left = [report for report in self._reports if report.nodeid not in self._explained]
            terminalreporter.stats[_FAILED] = left
        try:
            yield
        finally:
            self.restore(terminalreporter)

    def restore(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Put the reports back, for pytest's short summary and its counts."""
        if self._reports is not None:
            terminalreporter.stats[_FAILED] = self._reports
            self._reports = None
