"""Unusual: one row in twenty is positive; judged by F1 of that class and average precision, not by accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import average_precision_score, f1_score
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer


def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """F1 of the positive class, and average precision."""
    logits = np.asarray(evaluated.predictions)
    return {
        "f1": float(f1_score(evaluated.label_ids, logits.argmax(axis=-1), zero_division=0)),
        "average_precision": float(average_precision_score(evaluated.label_ids, logits[:, 1] - logits[:, 0])),
    }


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(reviews(train=1200, validation=600, positive=0.05, noise=0.0), tokenizer, "text")
    args = arguments(output_dir, seed, num_train_epochs=4)
    model = load_model(("fine", "complaint"), "tiny-distilbert")
    return assemble(model, args, data, tokenizer, compute_metrics=compute_metrics)
