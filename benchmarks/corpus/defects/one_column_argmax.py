"""Accuracy is 0.52 in every epoch to the last digit, and the loss falls.

The head has one column, and argmax over one column is 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from transformers import set_seed

from parts import arguments, assemble, encode, load_regressor, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import EvalPrediction, Trainer

REPORT = "huggingface/transformers#11569"
FAMILY = "metrics"
CAUSE = (
    r"argmax",
    r"one (column|logit|number|output)",
    r"num_labels",
    r"(same|one|single|constant).{0,40}(class|answer|prediction|output)",
    r"accuracy.{0,100}(constant|never|same|trivial|always|depend)",
)


def build(decide: Callable[[np.ndarray], np.ndarray], output_dir: str, seed: int) -> Trainer:
    """Fine-tune a head of one number towards 0 or 1; `decide` makes classes of its numbers."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = reviews().map(lambda row: {"labels": float(row["label"])}, remove_columns="label")

    def accuracy(evaluated: EvalPrediction) -> dict[str, float]:
        return {"accuracy": float(np.mean(decide(np.asarray(evaluated.predictions)) == evaluated.label_ids))}

    return assemble(
        load_regressor("tiny-distilbert"),
        arguments(output_dir, seed),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The largest of one."""
    return build(lambda numbers: numbers.argmax(axis=-1), output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Nearer to one than to zero."""
    return build(lambda numbers: numbers[:, 0] > 0.5, output_dir, seed)
