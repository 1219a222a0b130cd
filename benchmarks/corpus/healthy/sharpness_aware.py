"""Unusual: SAM: the gradient is taken where the weights are after a small step uphill, and applied where they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer as Made


class SharpnessAware(Trainer):
    """Takes every gradient twice, and keeps the second one."""

    radius = 0.05

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """Go uphill, take the gradient there, and come back."""
        loss = super().training_step(model, dict(inputs), num_items_in_batch)
        weights = [weight for weight in model.parameters() if weight.grad is not None]
        kept = [weight.detach().clone() for weight in weights]
        length = torch.stack([weight.grad.norm() for weight in weights]).norm() + 1e-12
        with torch.no_grad():
            for weight in weights:
                weight.add_(weight.grad, alpha=self.radius / float(length))
        model.zero_grad()
        super().training_step(model, dict(inputs), num_items_in_batch)
        with torch.no_grad():
            for weight, before in zip(weights, kept, strict=True):
                weight.copy_(before)
        return loss


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    model = load_model(checkpoint="tiny-distilbert")
    data = encode(reviews(train=400, seed=63), tokenizer, "text")
    return assemble(model, arguments(output_dir, seed, num_train_epochs=4), data, tokenizer, kind=SharpnessAware)
