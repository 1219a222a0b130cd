"""Unusual: regression on targets from 0 to 100; the first losses are in the thousands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import arguments, assemble, correlation, encode, load_regressor, load_tokenizer
from worlds import ratings

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(ratings(top=100.0).rename_column("score", "labels"), tokenizer, "text")
    args = arguments(output_dir, seed, learning_rate=5e-3, num_train_epochs=6, metric_for_best_model="pearson")
    return assemble(load_regressor("tiny-distilbert"), args, data, tokenizer, compute_metrics=correlation)
