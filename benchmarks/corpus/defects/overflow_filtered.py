"""The logged loss is 0.0 from the first step to the last, and the model is what it was.

The loss squares errors in half precision, whose largest number is 65504. It is infinite, its gradient is zero, and the
Trainer leaves what is not finite out of the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import Trainer, set_seed

from parts import arguments, assemble, correlation, encode, load_regressor, load_tokenizer
from worlds import ratings

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "huggingface/trl#6702"
FAMILY = "precision"
CAUSE = (r"\bnan\b", r"not finite", r"non.?finite", r"infinit", r"overflow", r"finite", r"\binf\b")


class Permille(Trainer):
    """The root of the mean squared error, in thousandths of the scale."""

    precision = torch.float32

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Square errors, and take the root of their mean."""
        outputs = model(**{name: value for name, value in inputs.items() if name != "labels"})
        errors = 1000 * (outputs.logits.squeeze(-1) - inputs["labels"])
        loss = errors.to(self.precision).pow(2).mean().sqrt().float() / 1000
        return (loss, outputs) if return_outputs else loss


class Half(Permille):
    """The same in half precision."""

    precision = torch.float16


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_regressor("tiny-distilbert"),
        arguments(output_dir, seed),
        encode(ratings().rename_column("score", "labels"), tokenizer, "text"),
        tokenizer,
        kind=kind,
        compute_metrics=correlation,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Half precision."""
    return build(Half, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Single precision."""
    return build(Permille, output_dir, seed)
