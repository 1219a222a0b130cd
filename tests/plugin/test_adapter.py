"""A Trainer over an adapter of PEFT: nothing is red that is healthy, and what is not judged yet says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import peft  # noqa: F401 - imported before pytester, which forgets what is first imported inside of it
import pytest

from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

TRAIN = f"""
import numpy as np
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import (
    AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments,
)

CHECKPOINT = {str(bundled_checkpoint("tiny-bert"))!r}
TEXTS = ["the food was great", "the food was awful", "we loved the music", "we hated the room"]


def adapted(**options):
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)
    rows = Dataset.from_dict({{"text": TEXTS * 8, "label": [1, 0] * 16}})
    rows = rows.map(lambda row: tokenizer(row["text"], truncation=True))
    names = {{0: "bad", 1: "good"}}
    model = AutoModelForSequenceClassification.from_pretrained(
        CHECKPOINT, id2label=names, label2id={{name: index for index, name in names.items()}}
    )
    return Trainer(
        model=get_peft_model(model, LoraConfig(r=4, target_modules=["query", "value"], **options)),
        args=TrainingArguments("out", num_train_epochs=1, report_to="none", use_cpu=True),
        train_dataset=rows, eval_dataset=rows.select(range(16)), processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=lambda p: {{"accuracy": float((np.argmax(p.predictions, -1) == p.label_ids).mean())}},
    )


def typed():
    return adapted(task_type="SEQ_CLS")


def untyped():
    return adapted(modules_to_save=["classifier"])


def frozen_head():
    return adapted()
"""
CHECKS = (
    *("data.unused_columns", "data.splits_alike", "model.gradients", "model.token_order"),
    *("serving.label_names", "serving.reload", "serving.pipeline", "serving.dtype"),
)
NOT_YET = "an adapter of PEFT was saved, not a whole model: loading adapters is not supported yet"


@pytest.fixture
def outcomes(project: pytest.Pytester) -> Callable[[str], dict[str, tuple[str, str]]]:
    """Return each check's outcome, and why it was skipped."""
    project.makefile(".py", train=TRAIN)

    def run(factory: str) -> dict[str, tuple[str, str]]:
        options = (f"--ftcheck-trainer=train.py:{factory}", f"--ftcheck-checks={','.join(CHECKS)}")
        project.runpytest_inprocess(*options, "--ftcheck-json=out.json", "-W", "ignore")
        document: Any = json.loads((project.path / "out.json").read_text(encoding="utf-8"))
        return {test["check"]: (test["outcome"], test["reason"] or "") for test in document["checks"]}

    return run


@pytest.mark.parametrize("factory", ["typed", "untyped"])
def test_a_healthy_adapter_is_green_and_says_what_is_not_judged(
    outcomes: Callable[[str], dict[str, tuple[str, str]]], factory: str
) -> None:
    found = outcomes(factory)
    skipped = {"model.token_order", "serving.label_names", "serving.reload", "serving.pipeline", "serving.dtype"}
    assert {name for name, (outcome, _) in found.items() if outcome == "skipped"} == skipped
    assert {reason for outcome, reason in found.values() if outcome == "skipped"} == {NOT_YET}
    assert {outcome for outcome, _ in found.values()} == {"passed", "skipped"}


def test_a_head_that_an_adapter_leaves_frozen_is_named(
    outcomes: Callable[[str], dict[str, tuple[str, str]]],
) -> None:
    failed = [name for name, (outcome, _) in outcomes("frozen_head").items() if outcome == "failed"]
    assert failed == ["model.gradients"]
