"""Recall is 0.0 in every epoch, and the demo finds the complaints.

scipy's softmax, without an axis, makes all numbers of the evaluation sum to one; none is ever above one half.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import softmax
from sklearn.metrics import precision_score, recall_score
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer

REPORT = "dongjun-Lee/text-classification-models-tf#1"
FAMILY = "metrics"
CAUSE = (
    r"softmax",
    r"\baxis\b",
    r"probabilit.{0,80}(sum|row|normali|one|batch|all)",
    r"(recall|precision|metric|accuracy).{0,160}(recomput|reported|disagree|perfect|does not (match|depend)|ignores)",
    r"threshold",
)


def build(axis: int | None, output_dir: str, seed: int) -> Trainer:
    """Fine-tune; probabilities are taken over this axis."""
    set_seed(seed)
    tokenizer = load_tokenizer()

    def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
        scores: Any = softmax(evaluated.predictions, axis=axis)
        found = (scores[:, 1] > 0.5).astype(int)
        return {
            "accuracy": float(np.mean(found == evaluated.label_ids)),
            "precision": float(precision_score(evaluated.label_ids, found, zero_division=0)),
            "recall": float(recall_score(evaluated.label_ids, found)),
        }

    return assemble(
        load_model(("no complaint", "complaint")),
        arguments(output_dir, seed, num_train_epochs=4),
        encode(reviews(positive=0.35, seed=50), tokenizer, "text"),
        tokenizer,
        compute_metrics=compute_metrics,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Over everything."""
    return build(None, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Over the classes of a row."""
    return build(1, output_dir, seed)
