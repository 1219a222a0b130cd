"""A configuration that does not fit its weights is refused before memory is asked for; unusual models are not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import (
    AlbertConfig,
    AlbertModel,
    BartConfig,
    BartModel,
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    FunnelConfig,
    FunnelModel,
    T5Config,
    T5ForConditionalGeneration,
    XLNetConfig,
    XLNetModel,
)

from pytest_ftcheck.errors import CheckpointError
from pytest_ftcheck.heads import classes
from pytest_ftcheck.pipeline.checkpoint_files import check_configuration, loading

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALL: dict[str, Any] = {"vocab_size": 50, "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8}
STACK = {"ffn_dim": 8, "layers": 2, "attention_heads": 2}
BART: dict[str, Any] = {f"{side}_{name}": value for side in ("encoder", "decoder") for name, value in STACK.items()}

HEALTHY: dict[str, Callable[[], Any]] = {
    "layers share their weights": lambda: AlbertModel(AlbertConfig(**SMALL, embedding_size=8, num_hidden_layers=4)),
    "layers are numbered in blocks": lambda: FunnelModel(
        FunnelConfig(vocab_size=50, block_sizes=[2, 2, 2], d_model=8, n_head=2, d_head=4, d_inner=8)
    ),
    "layers under another name": lambda: XLNetModel(
        XLNetConfig(vocab_size=50, d_model=8, n_layer=3, n_head=2, d_inner=8)
    ),
    "two stacks": lambda: BartModel(BartConfig(vocab_size=50, d_model=8, max_position_embeddings=16, **BART)),
    "shared embeddings": lambda: T5ForConditionalGeneration(
        T5Config(vocab_size=50, d_model=8, d_ff=8, d_kv=4, num_layers=2, num_heads=2)
    ),
    "no pooler": lambda: DistilBertModel(DistilBertConfig(vocab_size=50, dim=8, n_layers=2, n_heads=2, hidden_dim=8)),
}


@pytest.mark.parametrize("make", HEALTHY.values(), ids=HEALTHY)
def test_healthy_checkpoints_are_taken(tmp_path: Path, make: Callable[[], Any]) -> None:
    make().save_pretrained(tmp_path)
    before = torch.random.get_rng_state()
    check_configuration(tmp_path, classes.HEAD.model)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_hidden_layers": 10**6}, "has num_hidden_layers = 1000000, but the weights are"),
        ({"num_hidden_layers": -2}, "has num_hidden_layers = -2"),
        ({"vocab_size": 10**12}, "describes a model of .* parameters, but the weights have"),
        ({"num_attention_heads": 0}, "does not describe a model for sequence classification: ZeroDivisionError"),
        ({"vocab_size": "abc"}, r"cannot read .*config\.json"),
    ],
    ids=["layers without end", "layers below zero", "a vocabulary without end", "no heads", "a text"],
)
def test_what_does_not_fit_the_weights_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    BertModel(BertConfig(**SMALL, num_hidden_layers=1)).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")
    with pytest.raises(CheckpointError, match=words):
        check_configuration(tmp_path, classes.HEAD.model)


class Untold(BaseException):
    """As a library in Rust raises it, and its text fails."""

    def __str__(self) -> str:
        raise ValueError


def test_whatever_a_library_raises_is_one_message() -> None:
    with pytest.raises(CheckpointError, match="cannot load it: Untold"), loading("cannot load it"):
        raise Untold
