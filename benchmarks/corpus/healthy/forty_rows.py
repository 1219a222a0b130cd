"""Unusual: 40 rows to train on, for many epochs, in a world of two topics; evaluated on 150."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(topics(2, train=40, validation=150, noise=0.0), tokenizer, "text")
    args = arguments(output_dir, seed, num_train_epochs=15, per_device_train_batch_size=8, eval_strategy="no")
    return assemble(load_model(TEAMS[:2], "tiny-distilbert"), args, data, tokenizer)
