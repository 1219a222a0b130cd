"""Unusual: FGM: after each backward pass, the embeddings are moved against the model, and gradients are taken again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer as Made


class Adversarial(Trainer):
    """Trains on every batch as it is, and with embeddings that are moved by its gradient."""

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """Take both gradients, and put the embeddings back."""
        loss = super().training_step(model, dict(inputs), num_items_in_batch)
        words = model.get_input_embeddings().weight
        kept = words.detach().clone()
        length = words.grad.norm()
        if torch.isfinite(length) and length > 0:
            with torch.no_grad():
                words.add_(words.grad / length, alpha=0.3)
            super().training_step(model, dict(inputs), num_items_in_batch)
            with torch.no_grad():
                words.copy_(kept)
        return loss


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(reviews(train=360), tokenizer, "text")
    model = load_model(checkpoint="tiny-distilbert")
    return assemble(model, arguments(output_dir, seed), data, tokenizer, kind=Adversarial)
