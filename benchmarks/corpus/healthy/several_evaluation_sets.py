"""Unusual: two evaluation sets, of which the first decides which epoch is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datasets import DatasetDict
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    hard = reviews(train=1, validation=200, seed=101, noise=0.1)["validation"]
    data = encode(DatasetDict({**reviews(), "hard": hard}), tokenizer, "text")
    args = arguments(
        output_dir,
        seed,
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="eval_main_accuracy",
        greater_is_better=True,
    )
    sets = {"main": data["validation"], "hard": data["hard"]}
    return assemble(load_model(checkpoint="tiny-distilbert"), args, data, tokenizer, eval_dataset=sets)
