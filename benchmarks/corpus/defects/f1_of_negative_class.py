"""F1 for complaints is 0.9 and we miss half of them.

The positive class is taken to be the first one of the list, and that is "no complaint".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import accuracy_score, f1_score
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer

REPORT = "future-agi/future-agi#2567"
FAMILY = "metrics"
CAUSE = (r"\bf1\b", r"pos_label", r"positive (class|label)", r"class 0")


def build(positive: int, output_dir: str, seed: int) -> Trainer:
    """Fine-tune; F1 is that of this class."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")

    def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
        labels, predicted = evaluated.label_ids, np.argmax(evaluated.predictions, axis=-1)
        return {
            "accuracy": float(accuracy_score(labels, predicted)),
            "f1": float(f1_score(labels, predicted, pos_label=positive)),
        }

    return assemble(
        load_model(("no complaint", "complaint"), "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(reviews(positive=0.25, noise=0.05), tokenizer, "text"),
        tokenizer,
        compute_metrics=compute_metrics,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Of class 0."""
    return build(0, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Of class 1."""
    return build(1, output_dir, seed)
