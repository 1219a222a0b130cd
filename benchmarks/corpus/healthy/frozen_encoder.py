"""Unusual: the encoder is frozen on purpose, only the head is trained, at a high learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune the head."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    model: Any = load_model(TEAMS[:3], "tiny-distilbert")
    model.distilbert.requires_grad_(requires_grad=False)
    data = encode(topics(3, train=900, noise=0.0), tokenizer, "text")
    args = arguments(output_dir, seed, learning_rate=8e-3, num_train_epochs=8, weight_decay=0.0)
    return assemble(model, args, data, tokenizer, compute_metrics=accuracy_and_f1)
