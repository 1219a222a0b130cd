"""Unusual: no compute_metrics; evaluation reports a loss alone, and epochs are compared by it."""

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
    tokenizer = load_tokenizer()
    data = encode(reviews(), tokenizer, "text")
    return assemble(load_model(), arguments(output_dir, seed), data, tokenizer, compute_metrics=None)
