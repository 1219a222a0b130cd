"""Overfits much faster than the same recipe did last year.

The loss looks at the model in evaluation mode first, for a consistency term, and leaves it there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import mse_loss, softmax
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "shubhamagarwal92/mmd#14"
FAMILY = "model"
CAUSE = (r"dropout", r"(train|eval\w*)(ing)?.mode", r"\.train\(\)", r"\beval\(\)")


class Consistent(Trainer):
    """Adds a small term that keeps noisy predictions near those without noise."""

    back = True

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Cross entropy, and the distance to the predictions without dropout."""
        training = model.training
        model.eval()
        with torch.no_grad():
            calm = softmax(model(**inputs).logits, dim=-1)
        if self.back:
            model.train(training)
        outputs = model(**inputs)
        loss = outputs.loss + 0.1 * mse_loss(softmax(outputs.logits, dim=-1), calm)
        return (loss, outputs) if return_outputs else loss


class Stuck(Consistent):
    """The same, but the model stays in evaluation mode."""

    back = False


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(reviews(train=400), tokenizer, "text")
    return assemble(load_model(), arguments(output_dir, seed), data, tokenizer, kind=kind)


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """No training step runs with dropout."""
    return build(Stuck, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """The mode is set back."""
    return build(Consistent, output_dir, seed)
