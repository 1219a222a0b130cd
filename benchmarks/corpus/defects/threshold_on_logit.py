"""Recall is much lower than in the notebook, precision is higher.

A threshold of 0.5 is for probabilities, and the metric compares logits with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax
from sklearn.metrics import accuracy_score, recall_score
from transformers import set_seed

from parts import SIDES, arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import EvalPrediction, Trainer

REPORT = "dr-costas/dnd-sed#1"
FAMILY = "metrics"
CAUSE = (
    r"threshold",
    r"\blogit",
    r"(accuracy|recall).{0,120}(recomput|differ|not the|argmax|but|reported|says|disagree|instead)",
    r"compute_metrics",
)


def build(score: Callable[[np.ndarray], np.ndarray], output_dir: str, seed: int) -> Trainer:
    """Fine-tune; the metric takes for positive what has a score above one half."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")

    def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
        positive = score(np.asarray(evaluated.predictions))[:, 1] > 0.5
        labels = np.asarray(evaluated.label_ids)
        return {
            "accuracy": float(accuracy_score(labels, positive)),
            "recall": float(recall_score(labels, positive)),
        }

    return assemble(
        load_model(SIDES, "tiny-distilbert"),
        arguments(output_dir, seed, label_smoothing_factor=0.4),
        encode(reviews(train=640), tokenizer, "text"),
        tokenizer,
        compute_metrics=compute_metrics,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The score is the logit."""
    return build(lambda logits: logits, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The score is the probability."""
    return build(lambda logits: softmax(logits, axis=-1), output_dir, seed)
