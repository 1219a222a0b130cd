"""Faults of saving leave a folder behind that has what they say; checkpoints of a running training are left alone."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors import safe_open
from transformers import AutoTokenizer

from pytest_ftcheck.faults.fault import faults
from pytest_ftcheck.training.engine import save

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ftcheck.pipeline.parts import Pipeline


@pytest.fixture
def saved(mrpc: Pipeline, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that saves the model of a fault after a step of training."""

    def make(name: str, folder: str = "model") -> Path:
        planted = faults()[name].plant(mrpc)
        with planted.patched():
            model: Any = planted.model_init().train()
            model(**planted.data_collator(planted.train_dataset.select(range(2)).to_list()))
            with torch.no_grad():
                model.classifier.weight.fill_(7.0)
            save(model, planted.processing_class, tmp_path / folder)
        return tmp_path / folder

    return make


def weights(folder: Path) -> dict[str, torch.Tensor]:
    with safe_open(folder / "model.safetensors", framework="pt") as tensors:
        return {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118 - no mapping


def test_the_head_is_missing(saved: Callable[..., Path]) -> None:
    folder = saved("saved_without_head")
    assert not [name for name in weights(folder) if "classifier" in name]
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["id2label"] == {"0": "not_equivalent", "1": "equivalent"}


def test_the_weights_are_those_from_before(saved: Callable[..., Path]) -> None:
    assert not (weights(saved("saved_before_training"))["classifier.weight"] == 7.0).any()


def test_the_weights_are_of_another_dtype(saved: Callable[..., Path]) -> None:
    assert {tensor.dtype for tensor in weights(saved("saved_in_half_precision")).values()} == {torch.bfloat16}


def test_the_weights_are_a_pickle(saved: Callable[..., Path]) -> None:
    names = {path.name for path in saved("saved_as_pickle").iterdir()}
    assert "pytorch_model.bin" in names
    assert "model.safetensors" not in names


def test_only_the_owner_can_read(saved: Callable[..., Path]) -> None:
    assert stat.S_IMODE((saved("saved_for_owner_alone") / "config.json").stat().st_mode) == 0o600


def test_class_names_are_lost(saved: Callable[..., Path]) -> None:
    config = json.loads((saved("saved_without_label_names") / "config.json").read_text(encoding="utf-8"))
    assert config["id2label"] == {"0": "LABEL_0", "1": "LABEL_1"}


def test_the_tokenizer_is_missing(saved: Callable[..., Path]) -> None:
    assert not list(saved("tokenizer_not_saved").glob("tokenizer*"))


def test_the_tokenizer_cuts_texts(saved: Callable[..., Path]) -> None:
    assert AutoTokenizer.from_pretrained(saved("tokenizer_saved_with_other_settings")).model_max_length == 8


@pytest.mark.parametrize(
    "name", ["saved_without_head", "saved_in_half_precision", "saved_as_pickle", "tokenizer_not_saved"]
)
def test_checkpoints_are_left_alone(saved: Callable[..., Path], name: str) -> None:
    folder = saved(name, "checkpoint-12")
    assert weights(folder)["classifier.weight"].dtype == torch.float32
    assert (folder / "tokenizer.json").is_file()
