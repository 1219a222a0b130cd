"""Entries of our own in pytest's JUnit report: what is judged at the end of a session has no test that tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from _pytest.junitxml import xml_key  # no public name leads to the report; pytest's own fixtures take this one

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
    xml = config.stash.get(xml_key, None)
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
