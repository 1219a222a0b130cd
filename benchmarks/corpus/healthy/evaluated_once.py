"""Unusual: no evaluation while training runs, no checkpoints, hardly a log; the script evaluates when all is over."""

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
    tokenizer = load_tokenizer()
    args = arguments(
        output_dir,
        seed,
        eval_strategy="no",
        logging_strategy="epoch",
        disable_tqdm=True,
        num_train_epochs=6,
        lr_scheduler_type="inverse_sqrt",
        learning_rate=8e-4,
    )
    data = encode(topics(4, train=560, seed=504), tokenizer, "text")
    return assemble(load_model(TEAMS[:4]), args, data, tokenizer, compute_metrics=accuracy_and_f1)
