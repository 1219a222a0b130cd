"""Unusual: four classes in an order, learnt as a number; the metric rounds it, and is quadratic weighted kappa."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import cohen_kappa_score
from transformers import set_seed

from parts import arguments, assemble, encode, load_regressor, load_tokenizer
from worlds import stars

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer


def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """Quadratic weighted kappa, and the mean absolute error."""
    numbers, wanted = np.ravel(evaluated.predictions), np.ravel(evaluated.label_ids)
    rounded = np.clip(np.rint(numbers), 0, 3).astype(int)
    kappa = cohen_kappa_score(wanted.astype(int), rounded, weights="quadratic")
    return {"kappa": float(kappa), "mae": float(np.abs(numbers - wanted).mean())}


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")

    def number(row: dict[str, Any]) -> dict[str, Any]:
        return {"labels": float(row["label"])}

    data = encode(stars().map(number, remove_columns="label"), tokenizer, "text")
    model = load_regressor("tiny-distilbert")
    return assemble(model, arguments(output_dir, seed), data, tokenizer, compute_metrics=compute_metrics)
