"""Unusual: generalized cross entropy, whose values are bounded, since annotators disagree on one ticket in twelve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn.functional import softmax
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

POWER = 0.5


def generalized(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    """Take a loss between cross entropy and the mean error."""
    del num_items_in_batch
    right = softmax(outputs.logits, dim=-1).gather(1, labels.unsqueeze(1)).squeeze(1)
    return ((1 - right**POWER) / POWER).mean()


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    return assemble(
        load_model(TEAMS[:5]),
        arguments(output_dir, seed, num_train_epochs=4),
        encode(topics(5, train=900, validation=300, seed=418, noise=1 / 12), tokenizer, "text"),
        tokenizer,
        compute_loss_func=generalized,
        compute_metrics=accuracy_and_f1,
    )
