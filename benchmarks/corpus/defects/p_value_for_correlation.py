"""The better the model gets, the smaller is its correlation. Now it is 0.0000.

pearsonr and spearmanr return a correlation and a p-value, and the metric takes the second one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import pearsonr, spearmanr
from transformers import set_seed

from parts import arguments, assemble, encode, load_regressor, load_tokenizer
from worlds import similarity

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer

REPORT = "deepchem/deepchem#2463"
FAMILY = "metrics"
CAUSE = (
    r"pearson",
    r"spearman",
    r"correlat",
    r"p.?value",
)


def build(element: int, output_dir: str, seed: int) -> Trainer:
    """Fine-tune; the metric is this element of what scipy returns."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")

    def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
        predicted, wanted = np.ravel(evaluated.predictions), np.ravel(evaluated.label_ids)
        return {
            "pearson": float(pearsonr(predicted, wanted)[element]),
            "spearman": float(spearmanr(predicted, wanted)[element]),
        }

    return assemble(
        load_regressor("tiny-distilbert"),
        arguments(output_dir, seed, num_train_epochs=5),
        encode(similarity(seed=49).rename_column("score", "labels"), tokenizer, "first", "second"),
        tokenizer,
        compute_metrics=compute_metrics,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The p-value."""
    return build(1, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The correlation."""
    return build(0, output_dir, seed)
