"""Adds entries to pytest's JUnit report: verdicts at the end of a session have no test that reports them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.compat.of_pytest import junit_report

if TYPE_CHECKING:
    from collections.abc import Mapping


def record_case(
    config: pytest.Config, nodeid: str, *, failure: str = "", values: Mapping[str, object] | None = None
) -> None:
    """Add a test case to the file of ``--junitxml``, if that was requested; call this before pytest writes the file.

    Args:
        config: of the process that has the terminal.
        nodeid: of the case, such as ``ftcheck/mrpc::test_metric_floor[f1-trainer-mean of 5 seeds]``.
        failure: text of the failure; empty where nothing failed.
        values: properties of the case.

    """
    xml = junit_report(config)
    if xml is None:
        return
    path, _, name = nodeid.partition("::")
    phases = (("call", failure), ("teardown", ""))
    for when, text in phases:
        # Only the XML report receives this: for the terminal and for other plugins, no such test ran.
        xml.pytest_runtest_logreport(
            pytest.TestReport(
                nodeid,
                (path, None, name),
                keywords={},
                outcome="failed" if text else "passed",
                longrepr=text or None,
                when=when,  # type: ignore[arg-type]  # mypy widens the literals of a tuple
                user_properties=list((values or {}).items()),
            )
        )
