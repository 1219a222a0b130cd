"""Unusual: the Trainer's own plateau schedule watches accuracy, and halves the rate when it stops growing."""

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
        learning_rate=6e-4,
        warmup_steps=0,
        num_train_epochs=7,
        lr_scheduler_type="reduce_lr_on_plateau",
        lr_scheduler_kwargs={"mode": "max", "factor": 0.5, "patience": 0, "threshold": 0.002},
        metric_for_best_model="accuracy",
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
    )
    data = encode(topics(7, train=640, seed=501), tokenizer, "text")
    model = load_model(TEAMS[:7], "tiny-distilbert")
    return assemble(model, args, data, tokenizer, compute_metrics=accuracy_and_f1)
