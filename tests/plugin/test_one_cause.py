"""A broken run is one red: other tests say which one tells of it; what the user's code skips or ends is no reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.errors import FtcheckError
from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

TRAIN = f"""
import os
import sys

import pytest
from datasets import Dataset
from transformers import (
    AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments,
)

CHECKPOINT = {str(bundled_checkpoint("tiny-bert"))!r}
TEXTS = ["the food was great", "the food was awful", "we loved the music", "we hated the room"]


def accuracy(evaluated):
    return {{"accuracy": (evaluated.predictions.argmax(-1) == evaluated.label_ids).mean()}}


def within(function):
    frame = sys._getframe()
    while frame is not None and frame.f_code.co_name != function:
        frame = frame.f_back
    return frame is not None


def divides(evaluated):
    return {{"accuracy": 1 / (0 if within("evaluation_loop") else 1)}}


def build(compute_metrics=accuracy, collator=None, num_labels=2, kind=Trainer):
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)
    labels = [row % num_labels for row in range(2 * num_labels)] * 8
    rows = Dataset.from_dict({{"text": [TEXTS[label % 4] for label in labels], "label": labels}})
    rows = rows.map(lambda row: tokenizer(row["text"], truncation=True))
    return kind(
        model=AutoModelForSequenceClassification.from_pretrained(CHECKPOINT, num_labels=num_labels),
        args=TrainingArguments("out", num_train_epochs=1, report_to="none", use_cpu=True),
        train_dataset=rows, eval_dataset=rows.select(range(16)), processing_class=tokenizer,
        data_collator=(collator or DataCollatorWithPadding)(tokenizer), compute_metrics=compute_metrics,
    )


def broken_metrics():
    return build(divides)


class WhileTraining(DataCollatorWithPadding):
    def __call__(self, features):
        if within("_inner_training_loop"):
            self.does()
        return super().__call__(features)


class Skipping(WhileTraining):
    def does(self):
        pytest.skip("no data today")


class Exiting(WhileTraining):
    def does(self):
        sys.exit(0)


class Dying(WhileTraining):
    def does(self):
        os._exit(0)


def skipping():
    return build(collator=Skipping)


def exiting():
    return build(collator=Exiting)


def dying():
    return build(collator=Dying)


def several_classes():
    return build(num_labels=7)
"""

Document = dict[str, Any]


@pytest.fixture
def document(project: pytest.Pytester) -> Callable[..., Document]:
    """Run a session over a factory; return its JSON document with ``output``."""
    project.makefile(".py", train=TRAIN)
    project.makefile(".toml", ftcheck="")

    def run(factory: str, *options: str) -> Document:
        result = project.runpytest_inprocess(
            f"--ftcheck-trainer=train.py:{factory}", "--ftcheck-json=out.json", "-rs", *options
        )
        document: Document = json.loads((project.path / "out.json").read_text(encoding="utf-8"))
        assert document["exit_status"] == result.ret
        return document | {"output": result.stdout.str()}

    return run


def told(found: Document) -> Document:
    """Return the only finding, where no other test failed."""
    (finding,) = found["findings"]
    assert [check["outcome"] for check in found["checks"]].count("failed") == 1
    assert found["exit_status"] == pytest.ExitCode.TESTS_FAILED
    return dict(finding)


def test_an_error_in_the_metrics_is_one_red(document: Callable[..., Document]) -> None:
    found = document("broken_metrics", "--ftcheck-checks=metrics")
    assert "ZeroDivisionError: division by zero" in told(found)["observed"]
    outcomes = {check["outcome"] for check in found["checks"]}
    assert len(found["checks"]) > 3
    assert outcomes == {"failed", "skipped"}
    assert "not judged because of training.completes" in found["output"]


@pytest.mark.parametrize("options", [(), ("--ftcheck-strict",)], ids=["plain", "strict"])
@pytest.mark.parametrize(("factory", "words"), [("skipping", "no data today"), ("exiting", "SystemExit: 0")])
def test_what_would_skip_or_end_a_test_breaks_the_run(
    document: Callable[..., Document], factory: str, words: str, options: tuple[str, ...]
) -> None:
    found = document(factory, "--ftcheck-checks=metrics,training.completes", *options)
    finding = told(found)
    assert finding["check"] == "training.completes"
    assert words in finding["observed"]


def test_a_run_that_cannot_be_made_is_tried_once(
    document: Callable[..., Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def refuse(*_: object, **__: object) -> None:
        tried.append("once")
        msg = "the part does not fit"
        raise FtcheckError(msg)

    monkeypatch.setattr("pytest_ftcheck.training.train_or_load.train_or_load", refuse)
    found = document("build", "--ftcheck-checks=metrics,training.finite_loss")
    assert tried == ["once"]
    assert [check["outcome"] for check in found["checks"]].count("failed") == 1
    assert found["output"].count("the part does not fit") < len(found["checks"])
    assert "not judged because there is no run: the part does not fit" in found["output"]


AGAIN = """
made = []


def kept():
    made[:] = made or [build()]
    return made[0]


def only_once():
    made.append(1)
    if len(made) > 1:
        raise RuntimeError("the data is used up")
    return build()
"""


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        ("kept", "train.py:kept returned a Trainer that it did not make in this call"),
        ("only_once", "RuntimeError: the data is used up"),
    ],
)
def test_a_factory_that_makes_no_second_trainer_is_misuse_told_once(
    project: pytest.Pytester, factory: str, words: str
) -> None:
    project.makefile(".py", train=TRAIN + AGAIN)
    project.makefile(".toml", ftcheck="")
    result = project.runpytest_inprocess(f"--ftcheck-trainer=train.py:{factory}", "--ftcheck-checks=metrics,data")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert (result.stderr.str() + result.stdout.str()).count(words) == 1
    result.stderr.fnmatch_lines(["ERROR: train.py:*"])


def test_a_finding_stands_once_though_its_test_runs_again(document: Callable[..., Document]) -> None:
    found = document("broken_metrics", "--ftcheck-checks=metrics", "-p", "rerunfailures", "--reruns=2")
    assert "ZeroDivisionError" in told(found)["observed"]


@pytest.mark.slow
def test_a_process_that_dies_leaves_an_unfinished_document(
    project: pytest.Pytester, own_process: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    project.makefile(".py", train=TRAIN)
    project.makefile(".toml", ftcheck="")
    (project.path / "out.json").write_text('{"finished": true, "exit_status": 0}', encoding="utf-8")
    options = ("--ftcheck-trainer=train.py:dying", "--ftcheck-checks=metrics", "--ftcheck-json=out.json")
    assert own_process(project.path, *options).returncode == 0  # as the user's code asked for
    document = json.loads((project.path / "out.json").read_text(encoding="utf-8"))
    assert document == {"schema": 1, "finished": False, "exit_status": None}


UPDATE = ("--ftcheck-update-baseline=all", "--ftcheck-reason=another model", "--ftcheck-checks=metrics.floor")


def test_factories_of_one_file_have_a_task_and_a_baseline_each(document: Callable[..., Document]) -> None:
    accepted = [document(factory, *UPDATE)["baseline"]["accepted"][0] for factory in ("build", "several_classes")]
    assert [entry["key"].partition("/")[0] for entry in accepted] == ["train-build", "train-several_classes"]


@pytest.mark.slow
def test_a_baseline_of_other_classes_is_replaced_by_force_alone(
    document: Callable[..., Document], project: pytest.Pytester
) -> None:
    document("build", *UPDATE)
    (baseline,) = project.path.glob("ftcheck-baseline/*.json")
    before = baseline.read_bytes()
    project.makefile(".py", train=TRAIN.replace("num_labels=2, kind", "num_labels=7, kind"))
    refused = document("build", *UPDATE)
    assert refused["exit_status"] == pytest.ExitCode.TESTS_FAILED
    assert baseline.read_bytes() == before
    (why,) = refused["baseline"]["refused"]
    assert "the classes were LABEL_0, LABEL_1, and" in why
    assert "Give the task another name, or --ftcheck-update-baseline=force if the change is intended." in why
    document("build", "--ftcheck-update-baseline=force", *UPDATE[1:])
    assert baseline.read_bytes() != before


SLOW = {
    "factory": ("def slow():\n    while True:\n        pass\n", pytest.ExitCode.USAGE_ERROR),
    "training": (
        """
class Slow(WhileTraining):
    def does(self):
        while True:
            pass


def slow():
    return build(collator=Slow)
""",
        pytest.ExitCode.TESTS_FAILED,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("code", "status"), SLOW.values(), ids=SLOW)
def test_what_hangs_is_told(project: pytest.Pytester, code: str, status: pytest.ExitCode) -> None:
    project.makefile(".py", train=f"{TRAIN}\n\n{code}")
    project.makefile(".toml", ftcheck="")
    options = ("--ftcheck-trainer=train.py:slow", "--ftcheck-checks=metrics,training.completes", "--ftcheck-timeout=2")
    result = project.runpytest_inprocess(*options)
    assert result.ret == status
    assert "not done after 2 s, the limit of --ftcheck-timeout" in result.stdout.str() + result.stderr.str()
    if status == pytest.ExitCode.TESTS_FAILED:
        assert result.parseoutcomes()["failed"] == 1
