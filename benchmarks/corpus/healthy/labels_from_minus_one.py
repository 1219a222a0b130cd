"""Unusual: the raw labels are -1, 0 and 1; a column of numbers from 0 is made of them, and the raw one is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import topics

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")

    def raw(row: dict[str, Any]) -> dict[str, Any]:
        return {"polarity": row["label"] - 1}

    def number(row: dict[str, Any]) -> dict[str, Any]:
        return {"labels": row["polarity"] + 1}

    data = encode(topics(3).map(raw, remove_columns="label").map(number), tokenizer, "text")
    return assemble(
        load_model(("negative", "neutral", "positive"), "tiny-distilbert"),
        arguments(output_dir, seed),
        data,
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )
