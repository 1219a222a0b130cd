"""We raised the threshold to get fewer false alarms, and "precision" went down.

Predictions and labels are given to the metric in the wrong order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import accuracy_score, precision_score, recall_score
from transformers import set_seed

from parts import SIDES, arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import EvalPrediction, Trainer

REPORT = "voyazici/orderless-rnn-classification#5"
FAMILY = "metrics"
CAUSE = (r"\brecall\b", r"precision.{0,60}(recomput|reported|exchang|swap)", r"(exchang|swapp)", r"compute_metrics")


def build(order: Callable[[Any, Any], tuple[Any, Any]], output_dir: str, seed: int) -> Trainer:
    """Fine-tune; `order` puts labels and predictions in the order in which the metric gets them."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")

    def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
        given = order(np.asarray(evaluated.label_ids), np.argmax(evaluated.predictions, axis=-1))
        return {
            "accuracy": float(accuracy_score(*given)),
            "precision": float(precision_score(*given)),
            "recall": float(recall_score(*given)),
        }

    return assemble(
        load_model(SIDES, "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(reviews(positive=0.25, noise=0.06), tokenizer, "text"),
        tokenizer,
        compute_metrics=compute_metrics,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Predictions first."""
    return build(lambda labels, predicted: (predicted, labels), output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Labels first."""
    return build(lambda labels, predicted: (labels, predicted), output_dir, seed)
