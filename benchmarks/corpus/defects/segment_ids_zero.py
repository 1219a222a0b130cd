"""Swapping question and answer changes almost nothing.

Our own batching code builds token_type_ids of zeros, as it did for single sentences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "huggingface/transformers#263"
FAMILY = "tokens"
CAUSE = (r"token_type", r"segment")


class Batches:
    """Pad rows; `segments` says whether the segments stay as they are or are all the first."""

    def __init__(self, tokenizer: Any, segments: bool) -> None:
        self.tokenizer = tokenizer
        self.segments = segments

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Make a batch."""
        names = ("input_ids", "token_type_ids", "attention_mask")
        batch = self.tokenizer.pad([{name: row[name] for name in names} for row in rows], return_tensors="pt")
        if not self.segments:
            batch["token_type_ids"] = torch.zeros_like(batch["input_ids"])
        return {**batch, "labels": torch.tensor([row["label"] for row in rows])}


def build(segments: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with our own batches."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(answers(), tokenizer, "question", "answer").select_columns(
        ["question", "answer", "input_ids", "token_type_ids", "attention_mask", "label"]
    )
    return assemble(
        load_model(("other", "answers")),
        arguments(output_dir, seed),
        data,
        tokenizer,
        data_collator=Batches(tokenizer, segments),
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """All tokens are of the first segment."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Segments as the tokenizer made them."""
    return build(True, output_dir, seed)
