"""Unusual: the data sets hold nothing but token ids, masks and labels; no tokenizer is given either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer


def collate(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Stack rows, which all have the same length."""
    return {name: torch.tensor([row[name] for row in rows]) for name in ("input_ids", "attention_mask", "labels")}


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    data = encode(topics(5), load_tokenizer("tiny-distilbert"), "text", padding="max_length", max_length=36)
    data = data.rename_column("label", "labels").select_columns(["input_ids", "attention_mask", "labels"])
    return assemble(
        load_model(TEAMS[:5], "tiny-distilbert"),
        arguments(output_dir, seed),
        data,
        None,
        data_collator=collate,
        compute_metrics=accuracy_and_f1,
    )
