"""Unusual: batches are padded to a multiple of 16 tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import DataCollatorWithPadding, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(reviews(), tokenizer, "text")
    collator = DataCollatorWithPadding(tokenizer, pad_to_multiple_of=16)
    return assemble(load_model(), arguments(output_dir, seed), data, tokenizer, data_collator=collator)
