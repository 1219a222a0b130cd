"""What GitHub Actions is told: escaped annotations at the user's lines, and the summary of the step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_ftcheck.report.github import MOST, append_summary, error_commands, is_on, publish
from pytest_ftcheck.report.markdown import markdown
from pytest_ftcheck.settings import Settings
from tests.report.made_up import MASK, document, red_document

ROOT = Path("/home/runner/repository/models")


@pytest.mark.parametrize(
    ("mode", "environment", "on"),
    [
        ("auto", {"GITHUB_ACTIONS": "true"}, True),
        ("auto", {}, False),
        ("on", {}, True),
        ("off", {"GITHUB_ACTIONS": "true"}, False),
    ],
)
def test_github_is_told_where_it_runs_or_where_it_is_asked_for(
    mode: str,
    environment: dict[str, str],
    on: bool,  # noqa: FBT001 - a parameter
) -> None:
    assert is_on(mode, environment) is on


def test_a_cause_is_annotated_at_the_users_line() -> None:
    (line,) = error_commands(red_document(), ROOT, "/home/runner/repository")
    head, _, message = line.removeprefix("::").partition("::")
    assert head == "error file=models/train.py,line=12,title=ftcheck%3A collator.mask of mrpc"
    assert message.startswith("batch of lengths (3, 5): expected attention_mask 1")
    assert "3 checks agree: also model.padding_invariance, metrics.floor" in message
    assert "%0Arun it again: pytest --ftcheck-task=mrpc --ftcheck-checks=collator.mask" in message
    assert "\n" not in line


def test_a_file_outside_of_the_checkout_is_named_from_the_root_folder() -> None:
    for workspace in (None, "/elsewhere"):
        assert error_commands(red_document(), ROOT, workspace)[0].startswith("::error file=train.py,line=12,")


def test_text_cannot_end_an_annotation() -> None:
    hostile = replace(MASK, observed="100%\r\n::error file=a.py::x", check="a,b:c")
    red = red_document()
    causes = [replace(red.causes[0], finding=hostile, source=None, command=None)]
    (line,) = error_commands(replace(red, causes=causes), ROOT, None)
    assert line.startswith("::error title=ftcheck%3A a%2Cb%3Ac of mrpc::")
    assert "100%25%0D%0A::error file=a.py::x" in line.replace("\\x0d", "%0D")


def test_there_are_at_most_ten() -> None:
    red = red_document()
    assert len(error_commands(replace(red, causes=red.causes * 30), ROOT, None)) == MOST == 10
    assert error_commands(document(), ROOT, None) == []


def test_the_summary_of_the_step_is_appended(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("before\n", encoding="utf-8")
    assert append_summary(red_document(), {"GITHUB_STEP_SUMMARY": str(path)}) == ""
    assert path.read_text(encoding="utf-8") == "before\n" + markdown(red_document())
    assert append_summary(red_document(), {}) == ""
    problem = append_summary(red_document(), {"GITHUB_STEP_SUMMARY": str(tmp_path)})
    assert problem.startswith(f"GITHUB_STEP_SUMMARY={tmp_path}: not written, ")


def test_nothing_is_published_where_github_does_not_run(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    environment = {"GITHUB_STEP_SUMMARY": str(path), "GITHUB_WORKSPACE": "/home/runner/repository"}
    settings = Settings(github="auto", rootdir=ROOT)
    assert publish(red_document(), settings, environment) == ([], "")
    assert not path.exists()
    commands, problem = publish(red_document(), settings, {**environment, "GITHUB_ACTIONS": "true"})
    assert (commands, problem) == (error_commands(red_document(), ROOT, "/home/runner/repository"), "")
    assert path.read_text(encoding="utf-8") == markdown(red_document())
