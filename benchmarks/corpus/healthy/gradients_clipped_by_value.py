"""Unusual: a callback clips every entry of the gradients; the norm, which the Trainer would clip, is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn.utils import clip_grad_value_
from transformers import TrainerCallback, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer


class ByValue(TrainerCallback):
    """Keeps entries of gradients between two values."""

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Clip."""
        del args, state, control
        clip_grad_value_(kwargs["model"].parameters(), 0.05)


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    args = arguments(output_dir, seed, num_train_epochs=5, max_grad_norm=0.0, gradient_accumulation_steps=2)
    return assemble(
        load_model(TEAMS[:4], "tiny-distilbert"),
        args,
        encode(topics(4, train=640, seed=514), tokenizer, "text"),
        tokenizer,
        callbacks=[ByValue()],
        compute_metrics=accuracy_and_f1,
    )
