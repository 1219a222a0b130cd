"""The example project runs as its README says."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "reviews"
COMMANDS = re.findall(r"^pytest( [^#\n]*?)? +#", (EXAMPLE / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture
def example(pytester: pytest.Pytester) -> pytest.Pytester:
    """A copy of the example, as a user would have it."""
    shutil.copytree(EXAMPLE, pytester.path, dirs_exist_ok=True)
    return pytester


def test_the_readme_names_both_ways_in() -> None:
    assert [command.split() for command in COMMANDS] == [[], ["--ftcheck-task=reviews"]]


def test_own_tests_pass(example: pytest.Pytester) -> None:
    result = example.runpytest_subprocess()
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(["*= ftcheck =*", "reviews: tiny-bert on */data (60 train, 20 evaluated rows)"])
    result.stdout.no_fnmatch_line("*SYNTHETIC*")


def test_the_suite_passes(example: pytest.Pytester) -> None:
    result = example.runpytest_subprocess("--ftcheck-task=reviews")
    assert result.ret == pytest.ExitCode.OK
    assert set(result.parseoutcomes()) == {"passed"}
    result.stdout.re_match_lines([r" ?reviews +trainer +accuracy +[01]\.\d{4} +0\.7500 +\+0\.\d{4} +pass +"])
