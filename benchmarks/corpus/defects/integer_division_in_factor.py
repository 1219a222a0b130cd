"""Since the schedule was rewritten, nothing is learnt; the rate in the log is zero with one exception.

The factor for a step is a quotient of two whole numbers, and the division is the one that rounds down.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from torch.optim.lr_scheduler import LambdaLR
from transformers import Trainer, set_seed

from parts import arguments, assemble, correlation, encode, load_regressor, load_tokenizer
from worlds import ratings

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "facebookresearch/maskrcnn-benchmark#335"
FAMILY = "schedule"
CAUSE = (
    r"(learning.?rate|\blr\b).{0,80}(fall|fell|drop|decay|zero|\b0\b|vanish|collaps|early|too (small|low))",
    r"schedul",
    r"(integer|floor).{0,20}divi",
    r"\brate\b.{0,60}(zero|\b0\b|vanish)",
    r"(zero|\b0\b).{0,40}\brate\b",
)


class Warmed(Trainer):
    """Warms up for a tenth of the steps, then falls to zero."""

    divide: Any = operator.truediv

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Make the schedule."""
        warm, divide = num_training_steps // 10, type(self).divide

        def factor(step: int) -> float:
            if step < warm:
                return float(divide(step, warm))
            return float(divide(num_training_steps - step, num_training_steps - warm))

        self.lr_scheduler = LambdaLR(optimizer or self.optimizer, factor)  # type: ignore[arg-type]  # self.optimizer is None only before create_optimizer, which comes first
        return self.lr_scheduler


class Rounded(Warmed):
    """The same, as it was in the old script."""

    divide = operator.floordiv


def build(kind: Any, output_dir: str, seed: int) -> Made:
    """Fine-tune a regression."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    args = arguments(output_dir, seed, num_train_epochs=4)
    data = encode(ratings(seed=408).rename_column("score", "label"), tokenizer, "text")
    return assemble(load_regressor(), args, data, tokenizer, kind=kind, compute_metrics=correlation)


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Whole numbers."""
    return build(Rounded, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Shares."""
    return build(Warmed, output_dir, seed)
