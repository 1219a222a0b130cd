"""``--ftcheck-faults``: a test per fault; the matrix of faults and checks at the end of the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.compat.of_pytest import terminal_writer
from pytest_ftcheck.plugin.report import reports_of
from pytest_ftcheck.plugin.session import session_of
from pytest_ftcheck.plugin.task_module import TaskModule, suite_test

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ftcheck.judging.faults import Provers

_PROVERS = pytest.StashKey["Provers"]()
_TABLE_COLUMNS = 120


def fault_items(session: pytest.Session, task: str) -> Iterator[pytest.Item]:
    """Collect a test per fault and engine for a task."""
    for item, callspec in TaskModule.of_task(session, task, "faults").cases():
        fault, variant = callspec.params["ft_fault"], callspec.params["ft_variant"]
        yield suite_test(item, task, f"fault {fault.name}", "fault", variant)


def provers_of(config: pytest.Config) -> Provers:
    """Return the object that proves the faults of this session."""
    from pytest_ftcheck.judging.faults import Provers  # noqa: PLC0415 - slow to import

    return config.stash.setdefault(_PROVERS, Provers(session_of(config)))


class FaultOutcome:
    """Shows the proofs of all processes at the end."""

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the matrix of faults and checks, the detection rate, and the faults that no check caught."""
        records = reports_of(terminalreporter.config).faults
        if not records:
            return
        from pytest_ftcheck.report.faults import faults_lines, faults_table  # noqa: PLC0415 - imports rich

        terminalreporter.section("ftcheck: planted faults", "=")
        writer = terminal_writer(terminalreporter)
        width = max(writer.fullwidth, _TABLE_COLUMNS)
        terminalreporter.write_line(faults_table(records, color=writer.hasmarkup, width=width))
        for line in faults_lines(records):
            terminalreporter.write_line(line)
