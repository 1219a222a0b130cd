"""A session with one defect and several red checks: the cause is told first, and the others below it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

TRAIN = f"""
from datasets import Dataset
from transformers import (
    AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments,
)

CHECKPOINT = {str(bundled_checkpoint("tiny-bert"))!r}


class Inverted(DataCollatorWithPadding):
    def __call__(self, features):
        batch = super().__call__(features)
        batch["attention_mask"] = 1 - batch["attention_mask"]
        return batch


def build():
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)
    rows = [{{"text": "the food was " + "really " * (row % 5) + word, "label": label}}
            for row in range(16) for label, word in enumerate(("awful", "great"))]
    rows = Dataset.from_list(rows).map(lambda row: tokenizer(row["text"], truncation=True))
    return Trainer(
        model=AutoModelForSequenceClassification.from_pretrained(CHECKPOINT, num_labels=2),
        args=TrainingArguments("out", num_train_epochs=1, report_to="none", use_cpu=True),
        train_dataset=rows, eval_dataset=rows, processing_class=tokenizer, data_collator=Inverted(tokenizer),
    )
"""
OPTIONS = ("--ftcheck-trainer=train.py:build", "--ftcheck-json=out.json")
CHECKS = "--ftcheck-checks=model.padding_invariance,collator.mask,data.contradictions,collator.mutation"

Session = tuple[list[str], dict[str, Any]]


@pytest.fixture
def session(project: pytest.Pytester) -> Callable[..., Session]:
    project.makefile(".py", train=TRAIN)
    project.makefile(".toml", ftcheck="")

    def run(*options: str) -> Session:
        result = project.runpytest_inprocess(*OPTIONS, CHECKS, *options)
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        return result.outlines, json.loads((project.path / "out.json").read_text(encoding="utf-8"))

    return run


def in_summary(lines: list[str], word: str) -> list[str]:
    """Return the checks of pytest's short summary that begin with a word, in its order."""
    return [line.split("::")[1].split(" ")[0] for line in lines if line.startswith(f"{word} ftcheck/")]


def test_the_cause_is_told_once_and_first(
    session: Callable[..., Session], project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path / "step.md"))
    lines, document = session("--ftcheck-github=on", "--ftcheck-md=out.md")
    assert not any("= FAILURES =" in line for line in lines)  # the summary tells them
    assert sum(line.startswith("CAUSE: collator.mask: batch of lengths (") for line in lines) == 1
    assert "  2 checks agree; probably failed because of it: model.padding_invariance (-v shows them)" in lines
    assert "  your code: train.py:9 (Inverted)" in lines
    command = "pytest --ftcheck-trainer=train.py:build --ftcheck-checks=collator.mask"
    assert f"  run it again: {command}" in lines
    assert "  what it checks: pytest --ftcheck-explain=collator.mask" in lines
    assert in_summary(lines, "FAILED") == ["test_collator[mask]", "test_model[padding_invariance]"]
    because = [(found["check"], found["because_of"]) for found in document["findings"]]
    assert because[0] == ("collator.mask", None)
    assert ("model.padding_invariance", "collator.mask") in because
    (cause,) = document["causes"]
    assert (cause["finding"]["check"], cause["consequences"]) == ("collator.mask", ["model.padding_invariance"])
    assert cause["source"] == {"file": "train.py", "line": 9, "name": "Inverted"}
    assert cause["command"] == command
    (annotation,) = [line for line in lines if line.startswith("::error ")]
    assert annotation.startswith("::error file=train.py,line=9,title=ftcheck%3A collator.mask of train-build::")
    written = (project.path / "out.md").read_text(encoding="utf-8")
    assert written.splitlines()[2] == "**Likely cause: `collator.mask`** of train-build (2 checks agree)"
    assert (project.path / "step.md").read_text(encoding="utf-8") == written


def test_verbose_tells_consequences_whole(session: Callable[..., Session]) -> None:
    lines, _ = session("-v")
    assert "\n    model.padding_invariance: a row of " in "\n".join(lines)
    assert sum(line.lstrip().startswith("what to do: ") for line in lines) == 2
    assert not any(line.startswith("::error") for line in lines)


def test_quiet_tells_the_cause_alone(session: Callable[..., Session]) -> None:
    lines, _ = session("-q", "-p", "no:cacheprovider")
    assert any(line.startswith("CAUSE: collator.mask: batch of lengths (") for line in lines)
    assert not any(word in line for line in lines for word in ("run it again", "check 1 of", "model of train-build"))


def test_output_of_a_failed_check_stays_in_the_list_of_failures(
    session: Callable[..., Session], project: pytest.Pytester
) -> None:
    text = TRAIN.replace('batch["attention_mask"] =', 'print("my own output"); batch["attention_mask"] =')
    project.makefile(".py", train=text)
    lines, _ = session("--no-header")
    first = next(place for place, line in enumerate(lines) if "= FAILURES =" in line)
    last = next(place for place, line in enumerate(lines) if "= ftcheck =" in line)
    assert "collator.mask: see the section ftcheck below" in lines[first:last]
    assert "my own output" in lines[first:last]
    assert not any("expected  " in line for line in lines[first:last])


@pytest.mark.slow
def test_workers_tell_it_in_the_same_order(session: Callable[..., Session]) -> None:
    lines, document = session("-n2")
    assert in_summary(lines, "FAILED") == ["test_collator[mask]", "test_model[padding_invariance]"]
    assert sum(line.startswith("CAUSE: collator.mask: batch of lengths (") for line in lines) == 1
    assert [found["check"] for found in document["findings"]] == ["collator.mask", "model.padding_invariance"]
