"""Unusual: a callback keeps a moving average of the weights, and puts it into the model when training ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer


class Average(TrainerCallback):
    """Moving average of the weights of all steps."""

    def __init__(self, keep: float = 0.95) -> None:
        self.keep = keep
        self.weights: dict[str, Any] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start from the weights of the model."""
        del args, state, control
        self.weights = {name: weight.detach().clone() for name, weight in kwargs["model"].state_dict().items()}

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take a step's weights in."""
        del args, state, control
        for name, weight in kwargs["model"].state_dict().items():
            self.weights[name].lerp_(weight, 1 - self.keep)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Put the average into the model: it is evaluated and saved from now on."""
        del args, state, control
        kwargs["model"].load_state_dict(self.weights)


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(reviews(), tokenizer, "text")
    args = arguments(output_dir, seed, eval_strategy="no")
    return assemble(load_model(checkpoint="tiny-distilbert"), args, data, tokenizer, callbacks=[Average()])
