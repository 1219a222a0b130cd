"""Unusual: every pair of train stands there in both orders, since the relation is the same from both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datasets import concatenate_datasets
from transformers import set_seed

from parts import arguments, assemble, correlation, encode, load_regressor, load_tokenizer
from worlds import similarity

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = similarity(train=400).rename_column("score", "labels")

    def swap(row: dict[str, Any]) -> dict[str, Any]:
        return {"first": row["second"], "second": row["first"]}

    data["train"] = concatenate_datasets([data["train"], data["train"].map(swap)])
    rows = encode(data, tokenizer, "first", "second")
    args = arguments(output_dir, seed, learning_rate=2e-3)
    return assemble(load_regressor(), args, rows, tokenizer, compute_metrics=correlation)
