"""Unusual: four batches a step, and an epoch that does not divide by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(reviews(train=475), tokenizer, "text")
    args = arguments(output_dir, seed, per_device_train_batch_size=4, gradient_accumulation_steps=4)
    return assemble(load_model(checkpoint="tiny-distilbert"), args, data, tokenizer)
