"""Unusual: a collator of our own with torch alone, which knows no tokenizer but its pad id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import Trainer


def collate(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Pad each column with zeros, which is what each of them is padded with."""
    names = ("input_ids", "token_type_ids", "attention_mask")
    batch = {
        name: pad_sequence([torch.tensor(row[name]) for row in rows], batch_first=True, padding_value=0)
        for name in names
    }
    return {**batch, "labels": torch.tensor([row["label"] for row in rows])}


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(answers(), tokenizer, "question", "answer")
    model = load_model(("other", "answers"))
    return assemble(model, arguments(output_dir, seed), data, tokenizer, data_collator=collate)
