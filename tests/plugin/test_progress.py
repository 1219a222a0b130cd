"""Live progress: one line that moves on a terminal, plain lines elsewhere, and never in a test's output."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("few_checks")

TWO_FLOORS = ("--ftcheck-task=mrpc", "-k", "metric_floor and (accuracy or error)")
STEP = r"mrpc · trainer · seed 0 · epoch \d\.\d/1 · step \d/2 · loss \d\.\d{4} · \d+ samples/s · \d+:\d\d left"


@pytest.fixture
def terminal(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pytest take its output for a terminal, 60 columns wide."""
    project.makeconftest(
        """
        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_configure(config):
            reporter = config.pluginmanager.getplugin("terminalreporter")
            reporter.isatty = type(reporter.isatty)(True)
            reporter._tw.fullwidth = 60
        """
    )
    monkeypatch.setattr("pytest_ftcheck.plugin.progress._LIVE_SECONDS", 0.0)


def moving_line(result: pytest.RunResult) -> list[str]:
    """What stood in the line that moved, one after another; pytester takes a carriage return for an end of line."""
    lines = result.outlines
    first = next(index for index, line in enumerate(lines) if "step 1/" in line)
    return lines[first - 2 : first + 4]


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("capture", ["fd", "sys", "no"])
def test_a_terminal_has_one_line_that_moves(run_pytest: Callable[..., pytest.RunResult], capture: str) -> None:
    before, check, first, second, blank, after = moving_line(run_pytest(*TWO_FLOORS, f"--capture={capture}"))
    assert before == "ftcheck/mrpc "
    assert re.match(r"mrpc · check 1 of \d+ · metrics\.floor: The metric", check)
    assert "step 1/2" in first
    assert "step 2/2" in second
    assert blank == " " * 59  # nothing of it stays, and nothing was wrapped
    assert len(check) == len(first) == len(second) == 59
    assert after.startswith("ftcheck/mrpc s")


@pytest.mark.usefixtures("terminal")
def test_the_moving_line_does_not_confuse_pytest_about_its_columns(
    run_pytest: Callable[..., pytest.RunResult],
) -> None:
    """What stands in line for the reader is as wide as pytest's own lines."""
    (dots,) = [line for line in run_pytest(*TWO_FLOORS).outlines if line.startswith("ftcheck/mrpc s.")]
    assert re.fullmatch(r"ftcheck/mrpc s\. +\[100%\]", dots)
    assert len(dots) == 60 - 1  # pytest leaves the last column free


@pytest.mark.usefixtures("terminal")
def test_a_stopped_run_leaves_no_line_behind(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    project.makefile(
        ".toml", ftcheck="max_train_rows = 64\ntasks.mrpc.recipe.tiny = { learning_rate = 1e30, max_steps = 9 }"
    )
    result = run_pytest(*TWO_FLOORS)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert moving_line(result)[-1].startswith("ftcheck/mrpc F")


@pytest.mark.usefixtures("terminal")
def test_a_narrow_terminal_cuts_no_number(run_pytest: Callable[..., pytest.RunResult]) -> None:
    result = run_pytest(*TWO_FLOORS)
    result.stdout.re_match_lines([r" ?mrpc +train +accura +0\.\d{4} +0\.\d{4} to 0\.\d{4} +- +ungated"])


def test_elsewhere_it_has_lines_of_its_own(run_pytest: Callable[..., pytest.RunResult]) -> None:
    lines = run_pytest(*TWO_FLOORS).outlines
    told = [index for index, line in enumerate(lines) if "samples/s" in line]
    assert told
    assert all(re.fullmatch(STEP, lines[index]) for index in told)
    assert lines[told[0] - 1] == "ftcheck/mrpc "
    assert lines[told[-1] + 1].startswith("s.")


def test_a_short_run_is_one_line_where_nothing_moves(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    project.makefile(".toml", ftcheck="max_train_rows = 64\ntasks.mrpc.recipe.tiny.num_train_epochs = 4")
    lines = [line for line in run_pytest(*TWO_FLOORS).outlines if "samples/s" in line]
    assert len(lines) == 1
    assert "step 8/8" in lines[0]


def test_a_long_run_tells_of_itself_where_nothing_moves(
    run_pytest: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_ftcheck.plugin.progress._PLAIN_SECONDS", 0.0)
    lines = [line for line in run_pytest(*TWO_FLOORS).outlines if "samples/s" in line]
    assert ["step 1/2" in lines[0], "step 2/2" in lines[-1]] == [True, True]


def test_progress_is_no_part_of_what_a_test_printed(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    path = project.makepyfile(
        """
        import pytest

        @pytest.mark.ftcheck(task="mrpc")
        def test_own(ft_train, capfd):
            print("mine")
            ft_train()
            assert capfd.readouterr() == ("mine\\n", "")
        """
    )
    result = run_pytest(path)
    result.assert_outcomes(passed=1)
    assert "samples/s" in result.stdout.str()


@pytest.mark.usefixtures("terminal")
def test_a_terminal_says_that_it_is_loading(run_pytest: Callable[..., pytest.RunResult]) -> None:
    lines = run_pytest(*TWO_FLOORS).outlines
    loading = next(index for index, line in enumerate(lines) if line.startswith("ftcheck: loading torch"))
    assert lines[loading + 1].strip(" ").startswith("=")  # it is gone where pytest's own first line stands


def test_elsewhere_nothing_is_said_of_loading(run_pytest: Callable[..., pytest.RunResult]) -> None:
    assert "ftcheck: loading" not in run_pytest(*TWO_FLOORS).stdout.str()
