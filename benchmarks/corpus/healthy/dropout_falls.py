"""Unusual: a callback lowers dropout from 0.3 to 0 over the epochs; the model is served without dropout anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn
from transformers import TrainerCallback, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer


class FallingDropout(TrainerCallback):
    """Sets dropout at the beginning of every epoch."""

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Set what this epoch has."""
        del control
        rate = 0.3 * max(0.0, 1 - state.epoch / (args.num_train_epochs - 1))
        for module in kwargs["model"].modules():
            if isinstance(module, nn.Dropout):
                module.p = rate


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    return assemble(
        load_model(),
        arguments(output_dir, seed, num_train_epochs=6),
        encode(reviews(train=560, seed=67), tokenizer, "text"),
        tokenizer,
        callbacks=[FallingDropout()],
    )
