"""Texts of data, labels, metrics and options reach no terminal and no report as they are."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

HOSTILE = "\x1b[31m\u202e\ufffe\x07"
TRAIN = f"""
from datasets import Dataset
from transformers import (
    AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments,
)

CHECKPOINT = {str(bundled_checkpoint("tiny-bert"))!r}
HOSTILE = {HOSTILE!r}


def metrics(evaluated):
    right = (evaluated.predictions.argmax(-1) == evaluated.label_ids).mean()
    return {{"accuracy": right, "exact" + HOSTILE: right}}


def build():
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)
    texts = ["good" + HOSTILE, "bad" + HOSTILE, "fine" + HOSTILE, "poor" + HOSTILE]
    rows = Dataset.from_dict({{"text": texts * 8, "label": [1, 0] * 16, "genre": ["new" + HOSTILE, "old"] * 16}})
    rows = rows.map(lambda row: tokenizer(row["text"], truncation=True))
    names = {{0: "bad" + HOSTILE, 1: "good" + HOSTILE}}
    return Trainer(
        model=AutoModelForSequenceClassification.from_pretrained(
            CHECKPOINT, num_labels=2, id2label=names, label2id={{name: index for index, name in names.items()}}
        ),
        args=TrainingArguments("out", num_train_epochs=1, use_cpu=True, report_to="none"),
        train_dataset=rows, eval_dataset=rows.select(range(16)), processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer), compute_metrics=metrics,
    )
"""
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ufffe\uffff]")


def without_hostile_text(text: str) -> bool:
    return not CONTROL.search(text.replace("\r", ""))


@pytest.mark.parametrize("options", [(), ("--ftcheck-update-baseline",)], ids=["judged", "accepted"])
def test_a_session_over_hostile_data_shows_escapes(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult], options: tuple[str, ...]
) -> None:
    project.makefile(".py", train=TRAIN)
    project.makefile(".toml", ftcheck='[tasks.train-build]\ntrainer = "train.py:build"\nslices = ["class", "genre"]\n')
    result = run_pytest(
        "--ftcheck-task=train-build", "--ftcheck-checks=metrics,data", "--ftcheck-json=out.json",
        "--junitxml=out.xml", "-v", *options,
    )  # fmt: skip
    assert result.ret in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    assert without_hostile_text(result.stdout.str())
    assert r"\x1b[31m" in result.stdout.str()
    document = json.loads((project.path / "out.json").read_text(encoding="utf-8"))
    assert without_hostile_text(json.dumps(document, ensure_ascii=False))
    assert {gate["slice"] for gate in document["gates"]} >= {"genre=old"}
    cases = list(ET.parse(project.path / "out.xml").iter("testcase"))  # noqa: S314 - our own
    assert len(cases) == len(document["checks"])
    again = [case.get("name", "") for case in cases]
    assert all(map(without_hostile_text, again))


@pytest.mark.parametrize(
    "option",
    ["--ftcheck-task=x{}", "--ftcheck-tier=x{}", "--ftcheck-checks=x{}", "--ftcheck-model=x{}", "--ftcheck-seeds=x{}"],
)
def test_a_refusal_of_hostile_text_shows_escapes(run_pytest: Callable[..., pytest.RunResult], option: str) -> None:
    result = run_pytest(*([] if "task" in option else ["--ftcheck-task=sst2"]), option.format(HOSTILE))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert without_hostile_text(result.stderr.str())
    assert r"\x1b[31m\u202e\ufffe\x07" in result.stderr.str()


@pytest.mark.parametrize("name", [HOSTILE, " ", "a::b", "a/b", "a,b"])
def test_a_name_of_a_task_that_no_node_id_can_hold_is_refused(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult], name: str
) -> None:
    project.makefile(".toml", ftcheck=f"[tasks.{json.dumps(name)}]\n")
    result = run_pytest("--ftcheck-task=sst2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "a task name needs letters, digits" in result.stderr.str()
    assert without_hostile_text(result.stderr.str())
