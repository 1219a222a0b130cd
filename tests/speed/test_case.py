"""What is measured: cases of a sweep, lengths, shapes, pairs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
import torch
from datasets import Dataset
from transformers import BertForSequenceClassification

from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.settings import SHAPES
from pytest_ftcheck.speed.case import StepCase, of_length, sweep
from pytest_ftcheck.speed.shapes import with_shape
from pytest_ftcheck.speed.spec import parse_pair
from pytest_ftcheck.speed.step import TrainingStep

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ftcheck.pipeline.parts import Pipeline


@pytest.mark.parametrize(
    ("case", "label"),
    [
        (StepCase(), "manual"),
        (StepCase(8, "bfloat16", 128, compiled=True), "manual-8x128-bfloat16-compiled"),
        (StepCase(8), "manual-8"),
        (StepCase(seq_len=64, compiled=False), "manual-len64-eager"),
        (StepCase(engine="trainer", dtype="float32"), "trainer-float32"),
    ],
)
def test_label_names_what_is_not_of_the_recipe(case: StepCase, label: str) -> None:
    assert case.label == label


def test_case_changes_the_recipe(pipeline: Pipeline) -> None:
    changed = StepCase(4, "bfloat16", None, compiled=True).of(pipeline)
    assert changed.train_dataset is pipeline.train_dataset
    differ = {name: value for name, value in changed.args.items() if pipeline.args.get(name) != value}
    assert differ == {"per_device_train_batch_size": 4, "bf16": True, "fp16": False, "torch_compile": True}


def test_empty_case_changes_nothing(pipeline: Pipeline) -> None:
    assert StepCase().of(pipeline) == pipeline


def test_eager_overrules_a_recipe_that_compiles(pipeline: Pipeline) -> None:
    compiled = replace(pipeline, args={**pipeline.args, "torch_compile_backend": "eager"})
    step = TrainingStep(StepCase(compiled=False).of(compiled), device="cpu", steps=1)
    assert not step.args.torch_compile


def test_rows_of_one_length_have_no_padding(pipeline: Pipeline) -> None:
    step = TrainingStep(StepCase(4, seq_len=20).of(pipeline), device="cpu", steps=2)
    assert [work.shapes for work in step.work] == [((4, 20),)] * 2
    assert all(work.tokens == work.positions for work in step.work)
    step()


def test_rows_are_cut_or_repeated() -> None:
    rows = Dataset.from_dict(
        {"input_ids": [[1, 2, 3], [4]], "attention_mask": [[1, 1, 1], [1]], "labels": [7, 8], "tags": [[1, 2], [3]]}
    )
    made = of_length(rows, 2)
    assert made["input_ids"][:] == [[1, 2], [4, 4]]
    assert made["attention_mask"][:] == [[1, 1], [1, 1]]
    assert made["labels"][:] == [7, 8]
    assert made["tags"][:] == [[1, 2], [3]]
    with pytest.raises(SettingsError, match="input_ids"):
        of_length(rows.remove_columns("input_ids"), 2)


def test_sweep_is_every_size_with_every_dtype() -> None:
    assert sweep((), (), None, compiled=False) == (StepCase(),)
    labels = [case.label for case in sweep((8, 32), ("float32", "bfloat16"), 128, compiled=True)]
    assert labels[:4] == [
        "manual-8x128-float32-eager",
        "manual-8x128-float32-compiled",
        "manual-8x128-bfloat16-eager",
        "manual-8x128-bfloat16-compiled",
    ]
    assert len(labels) == 8


def test_shape_has_random_weights_and_the_labels_of_the_task(pipeline: Pipeline) -> None:
    shaped = with_shape(pipeline, "bert-tiny")
    torch.manual_seed(0)
    model = cast("Any", shaped.model_init())
    assert isinstance(model, BertForSequenceClassification)
    assert model.config.num_labels == 2
    assert shaped.checkpoint.name == "shape:bert-tiny"
    assert shaped.checkpoint.parameters == sum(weight.numel() for weight in model.parameters()) == 4_386_178


def test_shape_of_bert_base_is_the_published_one(pipeline: Pipeline) -> None:
    # bert-base-uncased with a head of two labels, as its model card counts it: 109.48M parameters.
    assert with_shape(pipeline, "bert-base-uncased").checkpoint.parameters == 109_483_778


def test_unknown_shape_names_the_others(pipeline: Pipeline) -> None:
    with pytest.raises(SettingsError, match="Did you mean 'bert-base-uncased'") as error:
        with_shape(pipeline, "bert-base")
    assert all(name in str(error.value) for name in SHAPES)


@pytest.mark.parametrize(
    ("spec", "first", "second", "names"),
    [
        ("engine=manual,trainer", {"engine": "manual"}, {"engine": "trainer"}, ("engine manual", "engine trainer")),
        ("dtype=float32,bfloat16", {"dtype": "float32"}, {"dtype": "bfloat16"}, ("dtype float32", "dtype bfloat16")),
        ("batch=8, 32", {"batch_size": 8}, {"batch_size": 32}, ("batch 8", "batch 32")),
        ("compile=no,yes", {"compiled": False}, {"compiled": True}, ("compile no", "compile yes")),
    ],
)
def test_pair_is_read(spec: str, first: dict[str, Any], second: dict[str, Any], names: tuple[str, str]) -> None:
    pair, base = parse_pair(spec), StepCase(seq_len=16)
    assert pair.cases(base) == (replace(base, **first), replace(base, **second))
    assert pair.names == names


def test_checkouts_are_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    pair = parse_pair("checkout=other")
    assert pair.values == (tmp_path / "other", tmp_path)
    assert pair.cases(StepCase()) == (StepCase(), StepCase())
    assert pair.names == (str(tmp_path / "other"), str(tmp_path))
    assert parse_pair("checkout=.,other").values == (tmp_path, tmp_path / "other")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("engin=manual,trainer", "Did you mean 'engine'"),
        ("engine=manual", "expected two values"),
        ("engine=manual,trainr", "Did you mean 'trainer'"),
        ("dtype=float32,float64", "unknown dtype 'float64'"),
        ("batch=8,none", "'none' is not a batch size"),
        ("compile=no,maybe", "unknown compile 'maybe'"),
        ("checkout=/nowhere", "expected the folder of another checkout"),
        ("checkout=", "expected the folder of another checkout"),
        ("", "unknown key ''"),
    ],
)
def test_pair_that_cannot_be_read_says_how(spec: str, message: str) -> None:
    with pytest.raises(SettingsError, match=f"--ftcheck-bench-compare={spec}") as error:
        parse_pair(spec)
    assert message in str(error.value)


def test_rows_of_several_texts_have_no_one_length() -> None:
    rows = Dataset.from_dict({"input_ids": [[[1, 2], [3]]], "labels": [0]})
    with pytest.raises(SettingsError, match="a length of 8 tokens needs rows of one text: these have 2 texts each"):
        of_length(rows, 8)
