"""Unusual: the learning rate stays where it is for most of the run, and falls in the last fifth of it."""

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
    args = arguments(
        output_dir,
        seed,
        num_train_epochs=4,
        lr_scheduler_type="warmup_stable_decay",
        lr_scheduler_kwargs={"num_decay_steps": 32, "min_lr_ratio": 0.05, "decay_type": "1-sqrt"},
        weight_decay=0.0,
        adam_beta2=0.95,
    )
    data = encode(answers(seed=65), tokenizer, "question", "answer")
    return assemble(load_model(("other", "answers")), args, data, tokenizer)
