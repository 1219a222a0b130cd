"""Unusual: beside cross entropy, rows of one class are drawn together (supervised contrastive loss)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy, log_softmax, normalize
from transformers import Trainer, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made


def contrast(states: Any, labels: Any, temperature: float = 0.3) -> Any:
    """Compare every row with the others of the batch: those of its class should be nearest."""
    directions = normalize(states, dim=-1)
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    near = log_softmax((directions @ directions.T / temperature).masked_fill(itself, -1e4), dim=-1)
    alike = (labels.unsqueeze(0) == labels.unsqueeze(1)) & ~itself
    counts = alike.sum(1)
    wanted = (near * alike).sum(1)[counts > 0] / counts[counts > 0]
    return -wanted.mean() if len(wanted) else states.sum() * 0


class Contrasting(Trainer):
    """Adds the contrast to cross entropy while it trains."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Cross entropy and, in training, a fifth of the contrast."""
        known = {name: value for name, value in inputs.items() if name != "labels"}
        outputs = model(**known, output_hidden_states=True)
        loss = cross_entropy(outputs.logits, inputs["labels"])
        if model.training:
            loss = loss + 0.2 * contrast(outputs.hidden_states[-1][:, 0], inputs["labels"])
        return (loss, SequenceClassifierOutput(loss=loss, logits=outputs.logits)) if return_outputs else loss


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:4], "tiny-distilbert"),
        arguments(output_dir, seed, per_device_train_batch_size=32, num_train_epochs=5),
        encode(topics(4, train=640, validation=280, seed=211), tokenizer, "text"),
        tokenizer,
        kind=Contrasting,
        compute_metrics=accuracy_and_f1,
    )
