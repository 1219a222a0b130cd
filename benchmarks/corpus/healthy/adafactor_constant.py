"""Unusual: Adafactor, and a learning rate that does not change."""

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
    args = arguments(output_dir, seed, optim="adafactor", lr_scheduler_type="constant", warmup_steps=0)
    data = encode(reviews(), tokenizer, "text")
    return assemble(load_model(checkpoint="tiny-distilbert"), args, data, tokenizer)
