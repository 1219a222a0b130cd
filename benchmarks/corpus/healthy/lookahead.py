"""Unusual: Lookahead: after every five steps of AdamW the weights go back half of the way that they went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import Trainer


class Lookahead(TrainerCallback):
    """Keeps slow weights, and lets the fast ones start from them again and again."""

    def __init__(self, every: int = 5, share: float = 0.5) -> None:
        self.every, self.share = every, share
        self.slow: list[Any] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start from the weights of the model."""
        del args, state, control
        self.slow = [parameter.detach().clone() for parameter in kwargs["model"].parameters()]

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Go back a part of the way."""
        del args, control
        if state.global_step % self.every == 0:
            for slow, parameter in zip(self.slow, kwargs["model"].parameters(), strict=True):
                slow.lerp_(parameter.detach(), self.share)
                parameter.data.copy_(slow)


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(answers(train=720, seed=503), tokenizer, "question", "answer")
    model = load_model(("other", "answers"), "tiny-distilbert")
    args = arguments(output_dir, seed, num_train_epochs=4, learning_rate=2e-3)
    return assemble(model, args, data, tokenizer, callbacks=[Lookahead()])
