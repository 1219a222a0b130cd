"""Unusual: judged by AUC of every class against the others, Brier score and calibration error; no accuracy at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax
from sklearn.metrics import roc_auc_score
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer


def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """How well classes are ranked, and how far probabilities can be trusted."""
    labels = np.asarray(evaluated.label_ids)
    probabilities = softmax(np.asarray(evaluated.predictions, dtype=np.float64), axis=1)
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    error = 0.0
    for low in np.arange(0.0, 1.0, 0.1):
        inside = (sure > low) & (sure <= low + 0.1)
        if inside.any():
            error += inside.mean() * abs(sure[inside].mean() - right[inside].mean())
    return {
        "auc": float(roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")),
        "brier": float(np.mean(np.sum((probabilities - np.eye(probabilities.shape[1])[labels]) ** 2, axis=1))),
        "calibration_error": float(error),
    }


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    args = arguments(
        output_dir,
        seed,
        num_train_epochs=4,
        metric_for_best_model="brier",
        greater_is_better=False,
        save_strategy="best",
        load_best_model_at_end=True,
    )
    return assemble(
        load_model(TEAMS[:6], "tiny-distilbert"),
        args,
        encode(topics(6, seed=68), tokenizer, "text"),
        tokenizer,
        compute_metrics=compute_metrics,
    )
