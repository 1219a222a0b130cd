"""Unusual: regression on logarithms of skewed prices with Huber's loss; judged by ranks and in prices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import spearmanr
from torch.nn.functional import huber_loss
from transformers import set_seed

from parts import arguments, assemble, encode, load_regressor, load_tokenizer
from worlds import ratings

if TYPE_CHECKING:
    import torch
    from transformers import EvalPrediction, Trainer


def huber(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
    """Squares of small errors, and large ones as they are."""
    losses = huber_loss(outputs["logits"].squeeze(-1), labels, delta=0.5, reduction="none")
    return losses.mean() if num_items_in_batch is None else losses.sum() / num_items_in_batch


def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """Spearman's correlation, and the median of the error in percent of the price."""
    predicted, wanted = np.ravel(evaluated.predictions), np.ravel(evaluated.label_ids)
    error = np.abs(np.exp(predicted) - np.exp(wanted)) / np.exp(wanted)
    return {
        "spearman": float(spearmanr(predicted, wanted).statistic),
        "median_error_percent": float(100 * np.median(error)),
        "log_mae": float(np.abs(predicted - wanted).mean()),
    }


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")

    def priced(row: dict[str, Any]) -> dict[str, Any]:
        price = round(float(np.exp(1 + 4 * row["score"])), 2)
        return {"price": price, "labels": float(np.log(price))}

    data = ratings(seed=77, train=560, noise=0.08).map(priced, remove_columns="score")
    return assemble(
        load_regressor("tiny-distilbert", problem_type="regression"),
        arguments(output_dir, seed, num_train_epochs=5),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_loss_func=huber,
        compute_metrics=compute_metrics,
    )
