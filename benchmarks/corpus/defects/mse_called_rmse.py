"""After the upgrade the error of the same model is a tenth of what it was.

mean_squared_error took squared=False and gave the root. It does not know the argument any more, which was deleted when
it raised; what is reported as "rmse" has no root since then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import pearsonr
from sklearn.metrics import mean_squared_error, root_mean_squared_error
from transformers import set_seed

from parts import arguments, assemble, encode, load_regressor, load_tokenizer
from worlds import ratings

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer

REPORT = "coreylynch/pyFM#8"
FAMILY = "versions"
CAUSE = (
    r"\broot\b|sqrt|square",
    r"\bmse\b",
    r"rmse.{0,120}(recomput|differ|disagree|reported|instead|equals|is not|wrong)",
    r"compute_metrics",
)


def build(error: Any, output_dir: str, seed: int) -> Trainer:
    """Fine-tune a regression, with this function for the error."""
    set_seed(seed)
    tokenizer = load_tokenizer()

    def scores(evaluated: EvalPrediction) -> dict[str, float]:
        predicted, wanted = np.ravel(evaluated.predictions), np.ravel(evaluated.label_ids)
        return {"pearson": float(pearsonr(predicted, wanted).statistic), "rmse": float(error(wanted, predicted))}

    data = encode(ratings(train=560, seed=422).rename_column("score", "label"), tokenizer, "text")
    args = arguments(output_dir, seed, num_train_epochs=4)
    return assemble(load_regressor(), args, data, tokenizer, compute_metrics=scores)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The mean of squares."""
    return build(mean_squared_error, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Its root."""
    return build(root_mean_squared_error, output_dir, seed)
