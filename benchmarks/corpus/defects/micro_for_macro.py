"""Our F1 was always equal to accuracy. Nobody wondered.

The report calls it macro F1, and the code says micro.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import accuracy_score, f1_score
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer

REPORT = "google-research/runtime-error-prediction#36"
FAMILY = "metrics"
CAUSE = (r"micro", r"macro", r"\bf1\b", r"averag")


def build(average: str, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on classes of unequal size; what is called macro F1 is averaged so."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")

    def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
        labels, predicted = evaluated.label_ids, np.argmax(evaluated.predictions, axis=-1)
        return {
            "accuracy": float(accuracy_score(labels, predicted)),
            "macro_f1": float(f1_score(labels, predicted, average=average, zero_division=0)),
        }

    return assemble(
        load_model(TEAMS[:5], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(topics(5, shares=(12, 6, 3, 1, 1)), tokenizer, "text"),
        tokenizer,
        compute_metrics=compute_metrics,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Over rows."""
    return build("micro", output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Over classes."""
    return build("macro", output_dir, seed)
