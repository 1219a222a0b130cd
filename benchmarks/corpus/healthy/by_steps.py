"""Unusual: evaluates and saves by steps, stops in the middle of an epoch, and keeps the best by loss."""

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
    args = arguments(
        output_dir,
        seed,
        max_steps=130,
        eval_strategy="steps",
        eval_steps=26,
        save_strategy="steps",
        save_steps=26,
        save_total_limit=1,
        load_best_model_at_end=True,
    )
    data = encode(topics(5), tokenizer, "text")
    model = load_model(TEAMS[:5], "tiny-distilbert")
    return assemble(model, args, data, tokenizer, compute_metrics=accuracy_and_f1)
