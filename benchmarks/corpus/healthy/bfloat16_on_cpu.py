"""Unusual: bfloat16 autocast on a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(topics(5, train=480), tokenizer, "text")
    args = arguments(output_dir, seed, bf16=True, use_cpu=True)
    model = load_model(TEAMS[:5], "tiny-distilbert")
    return assemble(model, args, data, tokenizer, compute_metrics=accuracy_and_f1)
