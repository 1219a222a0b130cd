"""Unusual: early stopping after two evaluations without progress, so that fewer epochs run than are set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import EarlyStoppingCallback, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    args = arguments(
        output_dir,
        seed,
        num_train_epochs=10,
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="accuracy",
        greater_is_better=True,
    )
    return assemble(
        load_model(("other", "answers"), "tiny-distilbert"),
        args,
        encode(answers(train=400), tokenizer, "question", "answer"),
        tokenizer,
        callbacks=[EarlyStoppingCallback(early_stopping_patience=2)],
    )
