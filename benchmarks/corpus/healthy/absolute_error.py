"""Unusual: regression with the absolute error as its loss, judged by its median, by ranks and by explained variance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import median_absolute_error, r2_score
from torch.nn.functional import l1_loss
from transformers import set_seed

from parts import arguments, assemble, encode, load_regressor, load_tokenizer
from worlds import ratings

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer


def distance(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    """Mean of absolute errors."""
    del num_items_in_batch
    return l1_loss(outputs.logits.squeeze(-1), labels)


def scores(evaluated: EvalPrediction) -> dict[str, float]:
    """Median of absolute errors, Spearman's correlation, explained variance."""
    predicted, wanted = np.ravel(evaluated.predictions), np.ravel(evaluated.label_ids)
    return {
        "median_error": float(median_absolute_error(wanted, predicted)),
        "spearman": float(spearmanr(predicted, wanted).statistic),
        "r2": float(r2_score(wanted, predicted)),
    }


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune, and keep the epoch with the smallest median."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    args = arguments(
        output_dir,
        seed,
        num_train_epochs=5,
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="median_error",
        greater_is_better=False,
    )
    data = encode(ratings(train=640, seed=516, top=2.0).rename_column("score", "label"), tokenizer, "text")
    model = load_regressor(problem_type="regression")
    return assemble(model, args, data, tokenizer, compute_loss_func=distance, compute_metrics=scores)
