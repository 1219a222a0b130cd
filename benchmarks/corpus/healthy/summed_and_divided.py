"""Unusual: the loss of a batch is a sum, divided by the number of rows of all batches that make a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn.functional import cross_entropy
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer


def summed(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    """Cross entropy as a sum over rows, over the number of rows of the step."""
    rows = len(labels) if num_items_in_batch is None else num_items_in_batch
    return cross_entropy(outputs.logits, labels, reduction="sum") / rows


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune with three batches a step, the last of which may be small."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    args = arguments(output_dir, seed, num_train_epochs=5, per_device_train_batch_size=7, gradient_accumulation_steps=3)
    return assemble(
        load_model(TEAMS[:5], "tiny-distilbert"),
        args,
        encode(topics(5, train=605, seed=510), tokenizer, "text"),
        tokenizer,
        compute_loss_func=summed,
        compute_metrics=accuracy_and_f1,
    )
