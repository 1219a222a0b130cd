"""The RMSE that is printed is about the standard deviation of the targets, whatever the model does.

Predictions are `[N, 1]`, labels `[N]`; their difference is `[N, N]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from transformers import set_seed

from parts import arguments, assemble, encode, load_regressor, load_tokenizer
from worlds import ratings

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import EvalPrediction, Trainer

REPORT = "fastai/fastai#1486"
FAMILY = "metrics"
CAUSE = (
    r"broadcast",
    r"shape",
    r"rmse.{0,120}(recomput|differ|not the|but|reported|says|disagree|instead|trivial|constant|depend)",
    r"compute_metrics",
)


def build(shape: Callable[[np.ndarray], np.ndarray], output_dir: str, seed: int) -> Trainer:
    """Fine-tune; the metric brings predictions into shape so."""
    set_seed(seed)
    tokenizer = load_tokenizer()

    def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
        difference = shape(np.asarray(evaluated.predictions)) - np.asarray(evaluated.label_ids)
        return {"rmse": float(np.sqrt(np.mean(difference**2)))}

    return assemble(
        load_regressor(),
        arguments(output_dir, seed),
        encode(ratings().rename_column("score", "labels"), tokenizer, "text"),
        tokenizer,
        compute_metrics=compute_metrics,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """As they are."""
    return build(lambda predictions: predictions, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Without the last axis."""
    return build(lambda predictions: predictions.squeeze(-1), output_dir, seed)
