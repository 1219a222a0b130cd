"""Faults of the saved model leave a folder behind that has what they say; checkpoints of a training are left alone."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors import safe_open

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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


@pytest.mark.parametrize(
    "name", ["saved_without_head", "saved_in_half_precision", "saved_as_pickle", "tokenizer_not_saved"]
)
def test_checkpoints_are_left_alone(saved: Callable[..., Path], name: str) -> None:
    folder = saved(name, "checkpoint-12")
    assert weights(folder)["classifier.weight"].dtype == torch.float32
    assert (folder / "tokenizer.json").is_file()
