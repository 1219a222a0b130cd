"""The private names of pytest that are used do what they are used for; where one is gone, a session still starts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_ftcheck.compat import of_pytest

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_base_folder_is_that_of_temporary_paths(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    assert tmp_path.is_relative_to(of_pytest.base_folder(pytestconfig))


def test_fixtures_that_a_test_sees(request: pytest.FixtureRequest) -> None:
    assert of_pytest.fixtures_of(request, "tmp_path")[-1].argname == "tmp_path"
    assert of_pytest.fixtures_of(request, "no_such_fixture") == []


def test_terminal_and_its_line(pytestconfig: pytest.Config) -> None:
    reporter = pytestconfig.pluginmanager.getplugin("terminalreporter")
    writer = of_pytest.terminal_writer(reporter)
    assert writer.fullwidth > 0
    assert writer.hasmarkup in {True, False}
    before = of_pytest.current_line(writer)
    of_pytest.set_current_line(writer, "four")
    assert writer.width_of_current_line == 4
    of_pytest.set_current_line(writer, before)


def test_junit_report_is_found_where_one_is_written(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        from pytest_ftcheck.compat.of_pytest import junit_report

        def pytest_sessionfinish(session):
            print("report:", type(junit_report(session.config)).__name__)
        """
    )
    pytester.makepyfile("def test_nothing(): pass")
    pytester.runpytest("--junitxml=report.xml").stdout.fnmatch_lines(["*report: LogXML"])
    pytester.runpytest().stdout.fnmatch_lines(["*report: NoneType"])


def test_a_pytest_without_that_report_has_none(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "_pytest.junitxml", None)
    assert of_pytest.junit_report(pytestconfig) is None
