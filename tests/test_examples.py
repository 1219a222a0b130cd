"""The example projects run as their READMEs say, with their training code as it is."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
COMMANDS: dict[str, list[list[str]]] = {
    "csv_trainer": [["--ftcheck-trainer=train.py:build_trainer"]],
    "manual_loop": [[]],
    "reviews": [[], ["--ftcheck-task=reviews"]],
    "weighted_trainer": [["--ftcheck-task=feedback"]],
}


@pytest.fixture
def run_example(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Return a function that runs pytest in a copy of an example, as a user would have it."""

    def run(name: str, *args: str) -> pytest.RunResult:
        shutil.copytree(EXAMPLES / name, pytester.path, dirs_exist_ok=True)
        return pytester.runpytest_subprocess("--ftcheck-threads=1", *args)

    return run


def test_every_example_is_here() -> None:
    assert sorted(folder.name for folder in EXAMPLES.iterdir()) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_readme_names_the_commands(name: str) -> None:
    text = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^pytest( [^#\n]*?)? +#", text, re.MULTILINE)
    assert [command.split() for command in commands] == COMMANDS[name]


def test_own_tests_of_reviews(run_example: Callable[..., pytest.RunResult]) -> None:
    result = run_example("reviews", *COMMANDS["reviews"][0])
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(["*= ftcheck =*", "reviews: tiny-bert on */data (60 train, 20 evaluated rows)"])
    result.stdout.no_fnmatch_line("*SYNTHETIC*")


@pytest.mark.slow
def test_the_suite_over_reviews(run_example: Callable[..., pytest.RunResult]) -> None:
    result = run_example("reviews", *COMMANDS["reviews"][1])
    assert result.ret == pytest.ExitCode.OK
    assert set(result.parseoutcomes()) <= {"passed", "skipped"}
    result.stdout.re_match_lines(
        [r" ?reviews +trainer +accuracy +[01]\.\d{4} +[01]\.\d{4} to [01]\.\d{4} +0\.7500 +(pass|inconclusive) +"]
    )


def test_a_script_is_checked_as_it_is(run_example: Callable[..., pytest.RunResult]) -> None:
    result = run_example("csv_trainer", *COMMANDS["csv_trainer"][0])
    assert result.ret == pytest.ExitCode.OK
    assert set(result.parseoutcomes()) == {"passed", "skipped"}
    result.stdout.re_match_lines(
        [
            r" ?train +trainer +accuracy +[01]\.\d{4} +[01]\.\d{4} to [01]\.\d{4} +- +no floor +",
            r" ?train +trainer +f1 +[01]\.\d{4} +[01]\.\d{4} to [01]\.\d{4} +- +no floor +",
            r"checks: \d+ passed, \d+ skipped",
            r"  skipped: data.segments: the task has one segment, 'message'",
            r"train: tiny-bert on the Trainer's own data \(800 train, 200 evaluated rows\)",
        ]
    )


def test_a_trainer_with_a_card(run_example: Callable[..., pytest.RunResult]) -> None:
    result = run_example("weighted_trainer", *COMMANDS["weighted_trainer"][0])
    assert result.ret == pytest.ExitCode.OK
    assert set(result.parseoutcomes()) <= {"passed", "skipped"}
    result.stdout.re_match_lines(
        [
            r" ?feedback +trainer +macro_f1 +[01]\.\d{4} +- +0\.8500 +pass +",
            r" ?feedback +trainer +complaints_found +[01]\.\d{4} +- +0\.8000 +pass +",
            r"feedback: tiny-bert on the Trainer's own data \(675 train, 225 evaluated rows\)",
        ]
    )


@pytest.mark.slow
def test_a_loop_of_their_own(run_example: Callable[..., pytest.RunResult]) -> None:
    result = run_example("manual_loop", *COMMANDS["manual_loop"][0])
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(["rte: tiny-bert on bundled (1200 train, 200 evaluated rows), SYNTHETIC: *"])
