"""Unusual: evaluates before the first step, gathers predictions in pieces, and keeps checkpoints of weights alone."""

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
        data_seed=1234 + seed,
        num_train_epochs=5,
        eval_on_start=True,
        eval_accumulation_steps=2,
        logging_strategy="epoch",
        logging_first_step=True,
        save_strategy="epoch",
        save_only_model=True,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="f1",
        include_num_input_tokens_seen="all",
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": 0.1},
    )
    return assemble(
        load_model(("none", "one", "two", "all"), "tiny-distilbert"),
        args,
        encode(stars(train=560, seed=82), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )
