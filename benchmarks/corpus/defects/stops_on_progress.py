"""Early stopping ends every run after the second epoch, when it is just getting better.

Our callback was written for accuracy and watches the loss: it stops when the number does not grow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = ""
FAMILY = "callbacks"
CAUSE = (
    r"\bstop",
    r"callback",
    r"(fewer|only|before|after).{0,30}epoch",
    r"epochs?.{0,40}(fewer|of \d|instead|not run|early|set)",
)


class Stop(TrainerCallback):
    """Stops at the first evaluation that is not better; `sign` is 1 where greater is better."""

    def __init__(self, watched: str, sign: int) -> None:
        self.watched = watched
        self.sign = sign
        self.best = float("-inf")

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Forget earlier runs."""
        del args, state, control, kwargs
        self.best = float("-inf")

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Compare with the best."""
        del args, state
        value = self.sign * kwargs["metrics"][self.watched]
        if value <= self.best:
            control.should_training_stop = True
        self.best = max(self.best, value)


def build(sign: int, output_dir: str, seed: int) -> Trainer:
    """Fine-tune for six epochs at most."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:6], "tiny-distilbert"),
        arguments(output_dir, seed, num_train_epochs=6, learning_rate=3e-4),
        encode(topics(6), tokenizer, "text"),
        tokenizer,
        callbacks=[Stop("eval_loss", sign)],
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """A greater loss is better."""
    return build(1, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """A smaller loss is better."""
    return build(-1, output_dir, seed)
