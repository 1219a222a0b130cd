"""Unusual: beside cross entropy, a loss that draws texts of one class together, in training only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy, normalize
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made


def contrast(states: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Supervised contrastive loss: of all others in the batch, those of the same class shall be the nearest."""
    near = normalize(states, dim=-1)
    alike = near @ near.T / 0.2
    alike = alike.masked_fill(torch.eye(len(labels), dtype=torch.bool), -1e9)
    same = (labels[:, None] == labels[None, :]).float() - torch.eye(len(labels))
    shares = (alike.log_softmax(dim=-1) * same).sum(dim=-1) / same.sum(dim=-1).clamp(min=1)
    return -shares.mean()


class Contrastive(Trainer):
    """Adds that loss in training."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Cross entropy, and a fifth of the contrastive loss."""
        labels = inputs["labels"]
        texts = {name: value for name, value in inputs.items() if name != "labels"}
        outputs = model(**texts, output_hidden_states=model.training)
        loss = cross_entropy(outputs.logits, labels)
        if model.training:
            loss = loss + 0.2 * contrast(outputs.hidden_states[-1][:, 0], labels)
        return (loss, outputs) if return_outputs else loss


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:5], "tiny-distilbert"),
        arguments(output_dir, seed, per_device_train_batch_size=32, num_train_epochs=5),
        encode(topics(5, seed=80), tokenizer, "text"),
        tokenizer,
        kind=Contrastive,
        compute_metrics=accuracy_and_f1,
    )
