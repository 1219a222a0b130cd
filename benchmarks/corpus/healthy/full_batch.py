"""Unusual: all rows are one batch; an epoch is one step, and there are forty of them, with one evaluation in ten."""

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
        learning_rate=2e-3,
        num_train_epochs=40,
        per_device_train_batch_size=240,
        eval_strategy="steps",
        eval_steps=10,
        logging_steps=2,
        max_grad_norm=0.0,
    )
    return assemble(
        load_model(TEAMS[:3], "tiny-distilbert"),
        args,
        encode(topics(3, train=240, validation=240, seed=78), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )
