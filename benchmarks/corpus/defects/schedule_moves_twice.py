"""The second half of the run changes nothing; the loss is flat to the last digit.

Our training step moves the schedule, as the loop that we had before did. The Trainer moves it as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import stars

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "pytorch/vision#1261"
FAMILY = "schedule"
CAUSE = (
    r"schedul",
    r"(learning.?rate|\blr\b).{0,120}(zero|0\.0\b|half|twice|double|early|too (fast|soon)|before the (end|last)|is 0)",
    r"(step|mov|call|advanc)\w* twice",
    r"twice (a|per|each|every|in one) step",
    r"(half|rest|remaining|last).{0,60}steps?.{0,80}(learning.?rate|\blr\b)",
)


class Stepping(Trainer):
    """Moves the schedule itself, so many times a batch."""

    moves = 0

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        """Take the gradient of a batch, and move the schedule."""
        loss = super().training_step(model, inputs, num_items_in_batch)
        for _ in range(self.moves):
            self.lr_scheduler.step()  # type: ignore[union-attr]  # there is one in training
        return loss


class Twice(Stepping):
    """Moves the schedule, and so does the Trainer."""

    moves = 1


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    args = arguments(output_dir, seed, learning_rate=6e-4, num_train_epochs=4, logging_steps=5)
    data = encode(stars(), tokenizer, "text")
    return assemble(load_model(("none", "one", "two", "all")), args, data, tokenizer, kind=kind)


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Two moves a step."""
    return build(Twice, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """One move a step."""
    return build(Stepping, output_dir, seed)
