"""Entries of our own in pytest's JUnit report: what is judged at the end of a session has no test that tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.compat.of_pytest import junit_report

if TYPE_CHECKING:
    from collections.abc import Mapping


def record_case(
    config: pytest.Config, nodeid: str, *, failure: str = "", values: Mapping[str, object] | None = None
) -> None:
    """Add a test case to the file of ``--junitxml``, where one is asked for; before pytest writes it.

    Args:
        config: of the process that has the terminal.
        nodeid: of the case, such as ``ftcheck/mrpc::test_metric_floor[f1-trainer-mean of 5 seeds]``.
        failure: text of what failed; empty where nothing did.
        values: properties of the case.

    """
    xml = junit_report(config)
    if xml is None:
        return
    path, _, name = nodeid.partition("::")
    phases = (("call", failure), ("teardown", ""))
    for when, text in phases:
        # Handed to the XML report alone: for the terminal and for other plugins there was no such test.
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
