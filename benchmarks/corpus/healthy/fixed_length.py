"""Unusual: all rows are padded to one length when they are tokenized, and the default collator stacks them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import default_data_collator, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(reviews(train=400), tokenizer, "text", padding="max_length", max_length=48)
    return assemble(
        load_model(checkpoint="tiny-distilbert"),
        arguments(output_dir, seed),
        data,
        tokenizer,
        data_collator=default_data_collator,
    )
