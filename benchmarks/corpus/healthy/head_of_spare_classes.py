"""Unusual: the head has two classes more than the data, which other teams will need next year."""

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
    data = encode(topics(4), tokenizer, "text")
    return assemble(load_model(TEAMS[:6], "tiny-distilbert"), arguments(output_dir, seed), data, tokenizer)
