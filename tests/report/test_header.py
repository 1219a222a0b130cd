"""The report header and the list of cards."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.report.header import (
    SYNTHETIC,
    card_lines,
    data_line,
    header_lines,
    parameter_count,
    trainer_lines,
    unjudged_line,
)
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.tasks.card import builtin_tasks, load_card

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline

CPU = {"device": "cpu", "device_name": "x86_64", "dtype": "float32", "threads": "1", "kernels": "of PyTorch"}


@pytest.fixture(scope="module")
def pipeline(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("sst2", train_rows=8, eval_rows=4)


def test_header_names_task_checkpoint_and_data(pipeline: Pipeline) -> None:
    line = header_lines([pipeline], Settings(), [CPU])[0]
    count = parameter_count(pipeline.checkpoint.parameters)
    assert line.startswith(f"ftcheck: sst2 · tier tiny · tiny-bert ({count} parameters) · data bundled: ")
    assert "8 train + 4 validation rows" in line


def test_header_names_engines_seeds_device_dtype_and_threads(pipeline: Pipeline) -> None:
    settings = Settings(engines=("trainer", "manual"), seeds=(0, 4))
    lines = header_lines([pipeline] * 3, settings, [CPU, CPU, {**CPU, "threads": "2"}])
    assert "ftcheck: engine trainer, manual · seed 0, 4 · cpu (x86_64) · float32 · 1 thread" in lines
    assert "ftcheck: engine trainer, manual · seed 0, 4 · cpu (x86_64) · float32 · 2 threads" in lines
    assert len(lines) == 3 + 2 + 1  # equal environments are named once


def test_header_names_kernels_that_are_not_pytorchs(pipeline: Pipeline) -> None:
    fast = {**CPU, "kernels": "fast (memory, mm)"}
    assert header_lines([pipeline], Settings(), [fast])[1].endswith("1 thread · kernels: fast (memory, mm)")


def test_header_names_versions(pipeline: Pipeline) -> None:
    last = header_lines([pipeline], Settings(), [CPU])[-1]
    for package in ("torch", "transformers", "datasets", "accelerate", "evaluate", "tokenizers", "numpy"):
        assert f"{package} {version(package)}" in last


def test_every_bundled_task_is_called_synthetic(make_pipeline: Callable[..., Pipeline]) -> None:
    pipelines = [make_pipeline(task, train_rows=4, eval_rows=4) for task in builtin_tasks()]
    lines = header_lines(pipelines, Settings(), [CPU] * len(pipelines))
    assert len(pipelines) == len(builtin_tasks())
    assert all(SYNTHETIC in line for line in lines[: len(pipelines)])


def test_other_data_is_not_called_synthetic(pipeline: Pipeline) -> None:
    assert "SYNTHETIC" not in data_line(replace(pipeline.data, synthetic=False, source="/data/reviews"))


def test_a_trainer_is_named_and_so_is_a_model_that_is_not_trained(pipeline: Pipeline) -> None:
    source: Any = SimpleNamespace(spec="my.train:build")
    judged = replace(pipeline, source=source, trains=False)
    line = header_lines([judged], Settings(), [CPU])[0]
    assert line.startswith("ftcheck: sst2 · Trainer my.train:build · tier tiny · tiny-bert (")
    assert line.endswith(" · judged as it is, nothing is trained")
    assert "as it is" not in header_lines([pipeline], Settings(), [CPU])[0]


def test_what_is_set_of_a_trainer_is_named(pipeline: Pipeline) -> None:
    source: Any = SimpleNamespace(
        spec="my.train:build",
        seed=42,
        held_back=lambda device: ("output folder", "seed", *(["device"] if device == "cpu" else [])),
        evaluation=SimpleNamespace(judged_set="dev", unjudged_sets=("hard", "old")),
    )
    lines = header_lines([replace(pipeline, source=source)], Settings(seeds=(0, 1)), [CPU])
    assert lines[1:3] == [
        "ftcheck: sst2 trains as it does without pytest, except for output folder, seed (0, 1; yours is 42), device",
        "ftcheck: " + unjudged_line("sst2", "dev", ("hard", "old")),
    ]
    source.evaluation.unjudged_sets = ()
    lines = header_lines([replace(pipeline, source=source)], Settings(seeds=(42,)), [{**CPU, "device": "cuda"}])
    assert lines[1] == "ftcheck: sst2 trains as it does without pytest, except for output folder, seed"
    assert not any("evaluation set" in line for line in lines)


def test_sets_that_are_not_judged_are_named() -> None:
    line = unjudged_line("sst2", "dev", ("hard", "old"))
    assert line.startswith("sst2: evaluation set 'dev' is judged, ")
    assert line.endswith("; NOT JUDGED: hard, old")


@pytest.mark.parametrize(
    ("parameters", "shown"), [(351_234, "351k"), (999_400, "999k"), (999_600, "1.0M"), (22_713_728, "22.7M")]
)
def test_parameters_are_rounded(parameters: int, shown: str) -> None:
    assert parameter_count(parameters) == shown


def test_list_describes_every_card() -> None:
    changes = {"mrpc": {"floors": {"tiny": {"tiny-bert": {"accuracy": 0.8}}}}}
    cards = [load_card(name, changes) for name in builtin_tasks()]
    text = "\n".join(line for card in cards for line in card_lines(card))
    for card in cards:
        assert f"{card.name}: {card.description}" in text
    assert "head      sequence-classification (not_equivalent, equivalent)" in text
    assert "text      sentence1 + sentence2; label label" in text
    assert "nyu-mll/glue/mrpc" in text
    assert "tiny-bert; floors accuracy 0.8" in text


def test_list_names_every_kind_of_limit() -> None:
    floors = {
        "accuracy": {"min": 0.8, "max_drop": 0.02, "slices": {"class": 0.7}},
        "brier_score": {"max": 0.1},
        "tiny": {"f1": {"max_drop": 0.05}},
    }
    card = replace(load_card("mrpc", {}), floor_tables=floors)
    shown = "accuracy 0.8 and drop at most 0.02 and 1 slices, brier_score at most 0.1, f1 drop at most 0.05"
    assert f"    tiny      tiny-bert; floors {shown}" in card_lines(card)


def test_card_without_a_data_set_and_floors_says_so() -> None:
    card = replace(load_card("stsb", {}), name="mine", dataset=None, floor_tables={}, description="")
    lines = card_lines(card)
    assert lines[0] == "mine"
    assert "    head      regression" in lines
    assert "    data      given with --ftcheck-data" in lines
    assert any(line.endswith("; no floors") for line in lines)


def test_the_table_of_a_trainer_is_described_by_what_it_says() -> None:
    table = {
        "description": "Is the review positive?",
        "trainer": "train.py:build",
        "label_names": ["bad", "good"],
        "floors": {"accuracy": 0.9, "full": {"f1": 0.8}},
        "checks": {"data.rows": {"skip": "we know"}},
    }
    assert trainer_lines("reviews", table) == [
        "reviews: Is the review positive?",
        "    trainer   train.py:build",
        "    label_names bad, good",
        "    floors    accuracy 0.9, full f1 0.8",
        "    checks    data.rows skip we know",
    ]
    assert trainer_lines("bare", {"trainer": "train:build"}) == ["bare", "    trainer   train:build"]
