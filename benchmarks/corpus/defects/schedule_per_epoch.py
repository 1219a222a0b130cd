"""The learning rate hardly changes, and nothing is learned in the three epochs.

The schedule counts steps, and our Trainer steps it once an epoch, as one does with StepLR.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.optim.lr_scheduler import LambdaLR
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "huggingface/transformers#1898"
FAMILY = "schedule"
CAUSE = (r"warm.?up", r"schedule", r"learning.?rate", r"\blr\b")


class ByStep(Trainer):
    """Warm up over the first tenth of the steps, then go down."""

    calls_per_change = 1

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Make the schedule; it moves on at every so many calls."""
        warmup = num_training_steps // 10

        def factor(call: int) -> float:
            step = call // self.calls_per_change
            if step < warmup:
                return (step + 1) / (warmup + 1)
            return max(0.0, (num_training_steps - step) / (num_training_steps - warmup))

        if self.lr_scheduler is None:
            chosen: Any = optimizer or self.optimizer
            self.lr_scheduler = LambdaLR(chosen, factor)
        return self.lr_scheduler


class ByEpoch(ByStep):
    """The same, moving on once an epoch of 30 steps."""

    calls_per_change = 30


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(reviews(), tokenizer, "text")
    return assemble(load_model(), arguments(output_dir, seed, learning_rate=8e-4), data, tokenizer, kind=kind)


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """The schedule of 90 steps sees three."""
    return build(ByEpoch, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """The schedule of 90 steps sees 90."""
    return build(ByStep, output_dir, seed)
