"""Accuracy is the share of class 0, always.

argmax without an axis gives one number for all rows, and numpy compares it with every label.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer

REPORT = "Zasder3/train-CLIP#6"
FAMILY = "metrics"
CAUSE = (
    r"argmax",
    r"\baxis\b",
    r"accuracy.{0,120}(recomput|differ|not the|but|reported|says|disagree|instead|trivial|constant|depend)",
    r"compute_metrics",
)


def build(axis: int | None, output_dir: str, seed: int) -> Trainer:
    """Fine-tune; the metric takes argmax over this axis."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")

    def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
        predicted = np.argmax(evaluated.predictions, axis=axis)
        return {"accuracy": float(np.mean(predicted == evaluated.label_ids))}

    return assemble(
        load_model(TEAMS[:4], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(topics(4), tokenizer, "text"),
        tokenizer,
        compute_metrics=compute_metrics,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Over all logits at once."""
    return build(None, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Over the classes of a row."""
    return build(-1, output_dir, seed)
