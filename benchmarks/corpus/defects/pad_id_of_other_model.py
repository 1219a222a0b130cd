"""Scores depend on what else is in the batch, a little.

The collator was written for RoBERTa, whose pad id is 1: it pads with 1, and masks what is 1. Here, 0 is padding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "CarryCKW/AES-NPCR#7"
FAMILY = "batches"
CAUSE = (r"\bpad", r"\bmask\b", r"attention.?mask", r"(unk|unknown)")


class Padded:
    """Pads with `pads_with`, and masks what is `masked`."""

    def __init__(self, pads_with: int, masked: int) -> None:
        self.pads_with = pads_with
        self.masked = masked

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Make a batch."""
        ids = [torch.tensor(row["input_ids"]) for row in rows]
        batch = pad_sequence(ids, batch_first=True, padding_value=self.pads_with)
        labels = torch.tensor([row["label"] for row in rows])
        return {"input_ids": batch, "attention_mask": (batch != self.masked).long(), "labels": labels}


def build(masked: int, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with batches that are padded with 0, and masked where this number is."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:5], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(topics(5), tokenizer, "text"),
        tokenizer,
        data_collator=Padded(tokenizer.pad_token_id, masked),
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The mask looks for 1."""
    return build(1, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The mask looks for 0."""
    return build(0, output_dir, seed)
