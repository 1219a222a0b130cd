"""Misuse: exit code 4, one message that says what to do, no traceback, nothing left behind."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("few_checks")

WITHOUT_CUDA = pytest.mark.skipif(torch.cuda.is_available(), reason="asks for a device that is not there")
SST2 = "--ftcheck-task=sst2"


def content(folder: Path) -> set[str]:
    """All files and folders but those that pytest itself, and pytest-benchmark, make in any session."""
    theirs = {".pytest_cache", ".benchmarks", "__pycache__"}
    return {str(path) for path in folder.rglob("*") if not theirs & set(path.relative_to(folder).parts)}


def assert_refused(result: pytest.RunResult, *words: str) -> None:
    """One message on stderr, with all these words; nothing was collected or trained."""
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    message = result.stderr.str()
    assert len(re.findall(r"^ERROR: ", message, re.MULTILINE)) == 1
    for word in words:
        assert word in message
    for line in ("Traceback", "INTERNALERROR", ".py:", "collected "):
        assert line not in message + result.stdout.str()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--ftcheck-task=mrcp"], ["unknown task 'mrcp'", "Did you mean 'mrpc'?", "--ftcheck-list"]),
        (["ftcheck/mrcp::test_collator"], ["unknown task 'mrcp'", "Did you mean 'mrpc'?"]),
        ([SST2, "--ftcheck-engine=manuel"], ["--ftcheck-engine", "Did you mean 'manual'?", "both"]),
        ([SST2, "--ftcheck-tier=small"], ["--ftcheck-tier", "unknown tier 'small'", "full, tiny"]),
        ([SST2, "--ftcheck-dtype=float23"], ["--ftcheck-dtype", "Did you mean 'float32'?"]),
        ([SST2, "--ftcheck-seeds=one"], ["--ftcheck-seeds", "0-4"]),
        ([SST2, "--ftcheck-threads=0"], ["--ftcheck-threads", "from 1 to 1024"]),
        ([SST2, "--ftcheck-max-eval-rows=all"], ["--ftcheck-max-eval-rows", "integer"]),
        ([SST2, "--ftcheck-device=gpu"], ["unknown device 'gpu'", "cpu, cuda, mps"]),
        ([SST2, "--ftcheck-device=cpu", "--ftcheck-require-device=gpu"], ["unknown device 'gpu'"]),
        ([SST2, "--ftcheck-data=nowhere", "--ftcheck-tier=tiny"], ["no data at 'nowhere'", "save_to_disk"]),
        ([SST2, "--ftcheck-model=./nowhere"], ["no checkpoint './nowhere'", "tiny-bert"]),
        ([SST2, "--ftcheck-model=tiny-brt"], ["no checkpoint 'tiny-brt'", "Did you mean 'tiny-bert'?"]),
        ([SST2, "--ftcheck-model=no/such"], ["no checkpoint 'no/such'", "--ftcheck-online"]),
        ([SST2, "--ftcheck-data=hub", "--ftcheck-tier=tiny"], ["nyu-mll/glue/sst2", "--ftcheck-data=FOLDER"]),
        ([SST2, "--ftcheck-json=no/such/out.json"], ["--ftcheck-json=no/such/out.json", "its folder is absent"]),
        ([SST2, "--ftcheck-json=."], ["--ftcheck-json=.", "it is a folder"]),
        pytest.param([SST2, "--ftcheck-device=cuda"], ["device 'cuda' is not available", "driver"], marks=WITHOUT_CUDA),
        pytest.param([SST2, "--ftcheck-require-device=cuda"], ["device 'cuda' is not available"], marks=WITHOUT_CUDA),
    ],
)
def test_a_wrong_option_is_refused(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult], options: list[str], words: list[str]
) -> None:
    before = content(project.path)
    assert_refused(run_pytest(*options), *words)
    assert content(project.path) == before


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("engine_s = 'both'", ["unknown key in [tool.ftcheck] 'engine_s'", "Did you mean 'engine'?"]),
        ("tasks = ['sst2']", ["one table per task", "--ftcheck-task="]),
        ("engine = 'both", ["ftcheck.toml is not valid TOML", "Correct it"]),
        ("tasks.sst2.floors.acuracy = 0.9", ["floors.acuracy", "Did you mean 'accuracy'?"]),
        ("tasks.sst2.floors.f1 = 0.9", ["floors.f1", "unknown metric 'f1'", "accuracy"]),
        ("tasks.sst2.floors.accuracy = '0.9'", ["floors.accuracy must be", "number, not '0.9'"]),
        ("tasks.sst2.metric = { path = 'acuracy', greater_is_better = { accuracy = true } }", ["acuracy"]),
        ("tasks.sst2.text_columns = ['review']", ["no column 'review'", "its columns are sentence"]),
        ("tasks.sst2.slices = ['sentense']", ["'sst2': slices: unknown column 'sentense'. Did you mean 'sentence'?"]),
        ("tasks.sst2.slices = ['lenght']", ["unknown column 'lenght'. Did you mean 'length'?"]),
        ("tasks.sst2.slices = ['nowhere.py:band']", ["no file 'nowhere.py'"]),
        ("tasks.sst2.label_names = ['negative']", ["'sst2'", "at least two classes"]),
        ("tasks.sst2.recipe.tiny.learning_rat = 1", ["'learning_rat'", "'learning_rate'", "TrainingArguments"]),
        ("tasks.sst2.recipe.tiny.eval_strategy = 'often'", ["recipe of task 'sst2'", "often"]),
        ("tasks.sst2.colums = 1", ["'sst2'", "unknown key 'colums'"]),
        ("tasks.own.head = 'regression'", ["'own'", "missing text_columns"]),
    ],
)
def test_a_wrong_table_is_refused(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult], table: str, words: list[str]
) -> None:
    project.makefile(".toml", ftcheck=table)
    before = content(project.path)
    task = "own" if ".own." in table else "sst2"
    assert_refused(run_pytest(f"--ftcheck-task={task}", "--ftcheck-checks=data,model"), *words)
    assert content(project.path) == before


@pytest.mark.parametrize(
    ("split", "text", "words"),
    [
        ("train", "review,label\nfine,1\n", ["no column 'text'", "its columns are review, label", "text_columns"]),
        ("validation", "text,label\nfine,2\n", ["validation split", "2"]),
        ("validation", "text,label\nfine,splendid\n", ["row 0", "'splendid'", "bad", "good", "label_names"]),
        ("validation", "text,label\n", ["validation split", "is empty"]),
        ("train", "", ["train split"]),
        ("train", "text,label\nfine,1\nfine\n", ["train.csv", "one row per line"]),
    ],
)
def test_wrong_data_is_refused(
    reviews: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult], split: str, text: str, words: list[str]
) -> None:
    (reviews.path / "data" / f"{split}.csv").write_text(text, encoding="utf-8")
    before = content(reviews.path)
    assert_refused(run_pytest("--ftcheck-task=reviews"), *words)
    assert content(reviews.path) == before


def test_a_folder_without_an_evaluation_split_is_refused(
    reviews: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    (reviews.path / "data" / "validation.csv").unlink()
    assert_refused(run_pytest("--ftcheck-task=reviews"), "no evaluation split", "found train", "dev")


def test_absent_data_is_refused(reviews: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]) -> None:
    (reviews.path / "data").rename(reviews.path / "elsewhere")
    assert_refused(run_pytest("--ftcheck-task=reviews"), f"no data at '{reviews.path}/data'")


@pytest.mark.parametrize(
    ("without", "config", "words"),
    [
        (["*.safetensors"], {}, ["no weights (*.safetensors)", "save_pretrained"]),
        (["tokenizer*"], {}, ["no tokenizer"]),
        ([], {"architectures": ["BertForTokenClassification"]}, ["another head", "BertForTokenClassification"]),
        ([], {"model_type": "no-such-model"}, ["checkpoint"]),
        (
            [],
            {"quantization_config": {"quant_method": "gtpq"}},
            ["unknown quantization method 'gtpq'. Did you mean 'gptq'?", "awq", "config.json"],
        ),
        ([], {"hidden_size": 64}, ["checkpoint"]),
    ],
)
def test_a_wrong_checkpoint_is_refused(
    run_pytest: Callable[..., pytest.RunResult],
    checkpoint: Callable[..., Path],
    without: list[str],
    config: dict[str, object],
    words: list[str],
) -> None:
    folder = checkpoint(*without, **config)
    assert_refused(run_pytest(SST2, f"--ftcheck-model={folder}", "--ftcheck-tier=tiny"), *words)


def test_a_checkpoint_for_other_labels_is_refused(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult], checkpoint: Callable[..., Path]
) -> None:
    from transformers import AutoModelForSequenceClassification

    folder = checkpoint()
    AutoModelForSequenceClassification.from_pretrained(folder, num_labels=5).save_pretrained(folder)
    result = run_pytest(SST2, f"--ftcheck-model={folder}", "--ftcheck-tier=tiny")
    assert_refused(result, "another head", "classifier.weight has shape (5, ", "negative, positive")
    assert not list(project.path.rglob("manifest.json"))


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
def test_an_unwritable_store_is_refused(project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]) -> None:
    store = project.makefile("", store="a file, and no folder")
    assert_refused(run_pytest(SST2, "--ftcheck-reuse", f"--ftcheck-store={store}"), str(store), "--ftcheck-store")


def test_wrong_input_of_any_task_is_found_before_the_first_is_trained(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    project.makefile(".toml", ftcheck="tasks.mrpc.recipe.tiny.learning_rat = 1")
    assert_refused(run_pytest("--ftcheck-task=sst2,mrpc"), "'learning_rat'", "'mrpc'")
    assert not list(project.path.rglob("manifest.json"))


def test_a_wrong_table_does_not_hurt_where_the_plugin_is_not_used(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    """Other tasks' cards are read when they are used."""
    project.makefile(".toml", ftcheck="tasks.mrpc.colums = 1")
    project.makepyfile("def test_own(): pass")
    run_pytest().assert_outcomes(passed=1)


@pytest.mark.parametrize("wrong", ["--ftcheck-data=nowhere", "--ftcheck-engine=manuel", "--ftcheck-store=store"])
def test_no_document_of_an_earlier_session_is_left_where_input_is_refused(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult], wrong: str
) -> None:
    path = project.path / "out.json"
    path.write_text(json.dumps({"finished": True, "exit_status": 0}), encoding="utf-8")
    assert run_pytest(SST2, wrong, "--ftcheck-json=out.json").ret == pytest.ExitCode.USAGE_ERROR
    assert json.loads(path.read_text(encoding="utf-8")) == {"schema": 1, "finished": False, "exit_status": None}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="devices of Linux")
def test_a_document_that_is_lost_fails_the_session_and_hides_nothing(
    run_pytest: Callable[..., pytest.RunResult],
) -> None:
    result = run_pytest(SST2, "--ftcheck-checks=data.rows", "--ftcheck-json=/dev/full")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "ERROR: --ftcheck-json=/dev/full: not written, No space left on device; the session fails. Free some *.",
            "checks: 1 passed",
        ]
    )
    result.stdout.no_fnmatch_line("all results are in *")
    assert Path("/dev/full").is_char_device()
