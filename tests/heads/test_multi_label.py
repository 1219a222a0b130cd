"""A head of another package trains, is gated, and is checked by what applies to it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.errors import SettingsError, TaskError
from pytest_ftcheck.heads.registry import head_named
from pytest_ftcheck.tasks.card import parse_card

if TYPE_CHECKING:
    from pathlib import Path

    from tests.heads.conftest import Install

NEEDS_CLASSES = "it applies only to tasks with classes and one label in each row; this task has tag sets"
RUN = ("--ftcheck-task=news", "-p", "no:cacheprovider")

ASKS_THE_HEAD = {
    "collator.labels",
    "collator.dtype",
    "data.labels_in_range",
    "metrics.loss_agrees",
    "metrics.recomputed",
    "model.label_ids",
    "model.logits_shape",
    "model.loss_at_start",
    "model.loss_rows",
    "model.problem_type",
    "serving.pipeline",
    "serving.reload",
    "training.engine_parity",
    "training.loss_falls",
    "training.overfits_batch",
}
"""What looks at labels, logits or loss, and asks the head."""


@pytest.mark.slow
def test_both_engines_train_it_and_what_does_not_apply_is_skipped_with_a_reason(
    pytester: pytest.Pytester, installed: Install, news: Path
) -> None:
    installed()
    told = news.with_name("told.json")
    result = pytester.runpytest_subprocess(*RUN, "--ftcheck-engine=both", f"--ftcheck-json={told}")
    result.stdout.fnmatch_lines(
        [
            "* news * trainer * micro_f1 * 0.* to 0.* 0.8000 * pass *",
            "* news * manual * micro_f1 * 0.* to 0.* 0.8000 * pass *",
            f"  skipped: *data.giveaways,*: {NEEDS_CLASSES}",
            "  skipped: *metrics.definition*: it applies only to tasks with one label in each row; this task has *",
        ]
    )
    assert result.ret == 0
    checks = json.loads(told.read_text(encoding="utf-8"))["checks"]
    assert {check["outcome"] for check in checks} == {"passed", "skipped"}
    passed = {check["check"] for check in checks if check["outcome"] == "passed"}
    assert passed >= ASKS_THE_HEAD


TRAINER = """
import json
import numpy as np
from datasets import Dataset
from sklearn.metrics import f1_score
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
from pytest_ftcheck.tasks.bundled import bundled_checkpoint


def compute_metrics(evaluated):
    return {"micro_f1": f1_score(evaluated.label_ids, evaluated.predictions > 0, average="micro")}


def build_trainer():
    checkpoint = bundled_checkpoint("tiny-bert")
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    splits = []
    for split in ("train", "validation"):
        rows = [json.loads(line) for line in open(f"data/{split}.jsonl")]
        tokens = tokenizer([row["text"] for row in rows])
        labels = [[float(topic) for topic in row["topics"]] for row in rows]
        splits.append(Dataset.from_dict({**tokens, "labels": labels}))
    model = AutoModelForSequenceClassification.from_pretrained(
        checkpoint, num_labels=3, problem_type="multi_label_classification",
        id2label=dict(enumerate(["food", "film", "trade"])), label2id={"food": 0, "film": 1, "trade": 2},
    )
    args = TrainingArguments("out", learning_rate=2e-3, num_train_epochs=5, per_device_train_batch_size=16)
    return Trainer(model, args, train_dataset=splits[0], eval_dataset=splits[1], processing_class=tokenizer,
                   compute_metrics=compute_metrics)
"""
OF_TRAINER = """
[tool.ftcheck.tasks.ours]
head = "tags"
trainer = "train:build_trainer"
floors = { micro_f1 = 0.8 }
"""


@pytest.mark.slow
def test_a_trainer_of_such_a_model_is_judged_where_its_table_names_the_head(
    pytester: pytest.Pytester, installed: Install, news: Path
) -> None:
    installed()
    news.with_name("train.py").write_text(TRAINER, encoding="utf-8")
    card = news.with_name("pyproject.toml")
    card.write_text(OF_TRAINER, encoding="utf-8")
    ours = ("--ftcheck-task=ours", "-p", "no:cacheprovider", "-W", "ignore::ResourceWarning")
    result = pytester.runpytest_subprocess(*ours)
    result.stdout.fnmatch_lines(["*ours * trainer * micro_f1 * 0.* to * 0.8000 * pass *"])
    assert result.ret == 0


@pytest.mark.slow
def test_a_model_that_learned_too_little_is_red_and_compared_row_by_row(
    pytester: pytest.Pytester, installed: Install, news: Path
) -> None:
    installed()
    quick = (*RUN, "--ftcheck-checks=metrics", "--ftcheck-engine=manual")
    assert pytester.runpytest_subprocess(*quick, "--ftcheck-update-baseline").ret == 0
    card = news.with_name("pyproject.toml")
    card.write_text(card.read_text(encoding="utf-8").replace("num_train_epochs = 5", "num_train_epochs = 2"))
    result = pytester.runpytest_subprocess(*quick)
    result.stdout.fnmatch_lines(
        ["  observed  0.*, 0.* short (95% interval 0.* to 0.*)", "  *rows are further from their label; the worst:"]
    )
    assert result.ret == 1


@pytest.mark.slow
def test_faults_of_its_batches_are_caught_and_those_of_classes_do_not_apply(
    pytester: pytest.Pytester, installed: Install, news: Path
) -> None:
    del news
    installed()
    faults = "labels_of_the_neighbour,loss_summed,labels_from_1,contradictory_annotations"
    result = pytester.runpytest_subprocess(*RUN, f"--ftcheck-faults={faults}")
    result.stdout.fnmatch_lines(
        [
            "faults: 2 of 2 caught*",
            f"  not applicable: labels_from_1: {NEEDS_CLASSES}",
            "  not applicable: contradictory_annotations: it applies only to tasks with one label in each row; *",
        ]
    )
    assert result.ret == 0


@pytest.mark.slow
def test_a_label_that_it_does_not_take_is_named(pytester: pytest.Pytester, installed: Install, news: Path) -> None:
    installed()
    with news.joinpath("train.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"text": "a road", "topics": [0, 2, 1]}\n')
    result = pytester.runpytest_subprocess(*RUN)
    result.stderr.fnmatch_lines(["*row 200: label ?0, 2, 1? is not a list of 3 numbers, 0 or 1. Correct the row.*"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.slow
def test_a_floor_that_a_trivial_model_reaches_is_refused(
    pytester: pytest.Pytester, installed: Install, news: Path
) -> None:
    installed()
    card = news.with_name("pyproject.toml")
    card.write_text(card.read_text(encoding="utf-8").replace("min = 0.8", "min = 0.7"))
    result = pytester.runpytest_subprocess(*RUN)
    result.stderr.fnmatch_lines(["*floor 0.7000 for micro_f1 has no effect: 'every label' scores 0.7*"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_an_entry_point_that_is_no_head_is_misuse(pytester: pytest.Pytester, installed: Install, news: Path) -> None:
    del news
    installed("tags_package.head:MODEL")
    result = pytester.runpytest_subprocess(*RUN)
    message = "names a TransformersModel, expected the Head 'tags'."
    result.stderr.fnmatch_lines([f"*entry point 'tags' of pytest_ftcheck.heads {message}*"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("tags_package.head:MODEL", "names a TransformersModel, expected the Head 'tags'."),
        ("tags_package.heads:HEAD", "cannot be imported: ModuleNotFoundError: No module named 'tags_package.heads'"),
        ("pytest_ftcheck.heads.values:HEAD", "names the head 'regression', expected the Head 'tags'."),
    ],
)
def test_an_entry_point_that_is_no_head_is_named(installed_here: Install, value: str, message: str) -> None:
    installed_here(value)
    with pytest.raises(SettingsError, match=r"entry point 'tags' of pytest_ftcheck\.heads .*" + re.escape(message)):
        head_named("tags")


def test_heads_of_another_package_are_among_those_that_are_known(installed_here: Install) -> None:
    installed_here()
    assert head_named("tags").name == "tags"
    table = {
        "head": "tag",
        "text_columns": ["text"],
        "label_column": "topics",
        "label_names": ["food", "film", "trade"],
        "data": "data",
        "metric": {"path": "micro_f1", "greater_is_better": {"micro_f1": True}},
        "checkpoint": {"full": "tiny-bert"},
        "recipe": {},
    }
    message = r"unknown head 'tag'\. Did you mean 'tags'\? Known: .*regression, sequence-classification, tags"
    with pytest.raises(TaskError, match=message):
        parse_card("news", table)
