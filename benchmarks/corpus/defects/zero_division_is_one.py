"""Macro F1 went up when we added three classes nobody uses yet.

Classes that are neither in the labels nor in the predictions count with an F1 of 1.
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

REPORT = ""
FAMILY = "metrics"
CAUSE = (r"zero_division", r"\bf1\b", r"(no|without|missing|absent|never|unused).{0,60}(class|label|row)", r"macro")


def build(zero_division: float, output_dir: str, seed: int) -> Trainer:
    """Fine-tune a head of eight classes on five; empty classes have this F1, and nan leaves them out."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")

    def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
        labels, predicted = evaluated.label_ids, np.argmax(evaluated.predictions, axis=-1)
        macro = f1_score(labels, predicted, average="macro", labels=range(8), zero_division=zero_division)
        return {"accuracy": float(accuracy_score(labels, predicted)), "macro_f1": float(macro)}

    return assemble(
        load_model(TEAMS[:8], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(topics(5), tokenizer, "text"),
        tokenizer,
        compute_metrics=compute_metrics,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Empty classes are perfect."""
    return build(1.0, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Empty classes do not count."""
    return build(float("nan"), output_dir, seed)
