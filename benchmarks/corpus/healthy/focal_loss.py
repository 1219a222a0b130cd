"""Unusual: focal loss, through compute_loss_func; its values are far below cross entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer


def focal(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
    """Cross entropy, of which sure answers count less."""
    entropy = cross_entropy(outputs["logits"], labels, reduction="none")
    losses = (1 - torch.exp(-entropy)) ** 2 * entropy
    return losses.mean() if num_items_in_batch is None else losses.sum() / num_items_in_batch


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:5], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(topics(5, shares=(8, 4, 2, 2, 1)), tokenizer, "text"),
        tokenizer,
        compute_loss_func=focal,
        compute_metrics=accuracy_and_f1,
    )
