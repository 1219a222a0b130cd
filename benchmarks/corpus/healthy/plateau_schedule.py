"""Unusual: the learning rate is constant, and is cut to a third when the loss on validation stops sinking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import stars

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    args = arguments(
        output_dir,
        seed,
        num_train_epochs=8,
        warmup_steps=0,
        lr_scheduler_type="reduce_lr_on_plateau",
        lr_scheduler_kwargs={"mode": "min", "factor": 0.3, "patience": 0},
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
    )
    return assemble(
        load_model(("none", "one", "two", "all"), "tiny-distilbert"),
        args,
        encode(stars(seed=64), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )
