"""What a check warns of: a line in the summary, in JSON and in JUnit, and no failure but with --ftcheck-strict."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

CARD = """
max_train_rows = 64
max_eval_rows = 32

[tasks.sst2]
recipe = { max_length = 8 }
checks."data.truncation" = { rows = 0.999, warn = 0.01 }
"""
OPTIONS = ("--ftcheck-task=sst2", "--ftcheck-checks=data.truncation", "--ftcheck-json=out.json", "--junitxml=out.xml")


@pytest.fixture
def session(project: pytest.Pytester) -> Callable[..., tuple[pytest.RunResult, dict[str, Any]]]:
    project.makefile(".toml", ftcheck=CARD)

    def run(*options: str) -> tuple[pytest.RunResult, dict[str, Any]]:
        result = project.runpytest_inprocess(*OPTIONS, *options)
        return result, json.loads((project.path / "out.json").read_text(encoding="utf-8"))

    return run


def test_a_warning_passes_and_is_told_everywhere(
    session: Callable[..., tuple[pytest.RunResult, dict[str, Any]]], project: pytest.Pytester
) -> None:
    result, document = session()
    assert result.ret == pytest.ExitCode.OK
    told = [line for line in result.outlines if line.startswith("WARNING, data.truncation: ")]
    assert len(told) == len(document["warnings"]) == 2  # one for each split
    assert "expected at most 1% of 64 sampled rows to lose more than a tenth of their tokens" in told[0] + told[1]
    assert "  Warnings pass; --ftcheck-strict makes them fail." in result.outlines
    assert {(found["level"], found["check"]) for found in document["warnings"]} == {("warn", "data.truncation")}
    assert document["findings"] == []
    assert (project.path / "out.xml").read_text(encoding="utf-8").count('<property name="warning"') == 2


def test_strict_makes_it_a_failure(session: Callable[..., tuple[pytest.RunResult, dict[str, Any]]]) -> None:
    result, document = session("--ftcheck-strict")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert document["warnings"] == []
    assert {found["check"] for found in document["findings"]} == {"data.truncation"}
