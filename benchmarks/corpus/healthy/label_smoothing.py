"""Unusual: label_smoothing_factor 0.1, so that the loss does not come near zero."""

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
    tokenizer = load_tokenizer()
    data = encode(answers(), tokenizer, "question", "answer")
    args = arguments(output_dir, seed, label_smoothing_factor=0.1)
    return assemble(load_model(("other", "answers")), args, data, tokenizer)
