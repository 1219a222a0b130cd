"""Unusual: one label in eight is wrong, in both splits, as people who label disagree; no model gets past 0.88."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(answers(train=800, noise=0.12), tokenizer, "question", "answer")
    model = load_model(("other", "answers"), "tiny-distilbert")
    return assemble(model, arguments(output_dir, seed, num_train_epochs=2), data, tokenizer)
