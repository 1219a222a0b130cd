"""Unusual: the head alone in the first epoch, the whole model from the second; the optimizer has all from the start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainerCallback, get_cosine_schedule_with_warmup, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer


class Unfreeze(TrainerCallback):
    """Holds the encoder fast for one epoch."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Freeze."""
        del args, state, control
        kwargs["model"].distilbert.requires_grad_(requires_grad=False)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Let go."""
        del args, state, control
        kwargs["model"].distilbert.requires_grad_(requires_grad=True)


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    model = load_model(TEAMS[:5], "tiny-distilbert")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.5e-3, weight_decay=0.01)
    schedule = get_cosine_schedule_with_warmup(optimizer, 10, 152)
    return assemble(
        model,
        arguments(output_dir, seed, num_train_epochs=4),
        encode(topics(5), tokenizer, "text"),
        tokenizer,
        optimizers=(optimizer, schedule),
        callbacks=[Unfreeze()],
        compute_metrics=accuracy_and_f1,
    )
