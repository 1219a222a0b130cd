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


def failures(lines: list[str]) -> list[str]:
    """Return the checks in the order in which pytest tells what they found."""
    told = lines[: next(place for place, line in enumerate(lines) if line.startswith("CAUSE: "))]
    return [line.partition(":")[0] for line in told if line.startswith(("collator.", "model."))]


def test_the_cause_is_told_first_and_the_rest_in_two_lines(session: Callable[..., Session]) -> None:
    lines, document = session()
    assert failures(lines)[0] == "collator.mask"
    told = "\n".join(lines)
    assert "CAUSE: collator.mask: " in told
    assert "  red because of it, probably: model.padding_invariance" in lines
    assert "  probably because of collator.mask, see there; -v shows everything" in lines
    because = [(found["check"], found["because_of"]) for found in document["findings"]]
    assert because[0] == ("collator.mask", None)
    assert ("model.padding_invariance", "collator.mask") in because
    (cause,) = document["causes"]
    assert (cause["finding"]["check"], cause["consequences"]) == ("collator.mask", ["model.padding_invariance"])


def test_verbose_tells_consequences_whole(session: Callable[..., Session]) -> None:
    lines, _ = session("-v")
    assert failures(lines) == ["collator.mask", "model.padding_invariance"]
    assert not any("-v shows everything" in line for line in lines)
    assert sum(line.startswith("  what to do: ") for line in lines) == 3  # once more in the summary


@pytest.mark.slow
def test_workers_tell_it_in_the_same_order(session: Callable[..., Session]) -> None:
    lines, document = session("-n2")
    assert failures(lines) == ["collator.mask", "model.padding_invariance"]
    assert [found["check"] for found in document["findings"]] == ["collator.mask", "model.padding_invariance"]
