"""Unusual: what is predicted is the number that nine targets of ten stay below; the loss is the pinball loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.stats import spearmanr
from transformers import set_seed

from parts import arguments, assemble, encode, load_regressor, load_tokenizer
from worlds import ratings

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer

SHARE = 0.9


def pinball(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    """Weigh what is predicted too low nine times as much as what is predicted too high."""
    del num_items_in_batch
    above = labels.float() - outputs.logits.squeeze(-1)
    return torch.maximum(SHARE * above, (SHARE - 1) * above).mean()


def coverage(evaluated: EvalPrediction) -> dict[str, float]:
    """Mean pinball loss, share of targets below the prediction, and correlation of ranks."""
    predicted, wanted = np.ravel(evaluated.predictions), np.ravel(evaluated.label_ids)
    above = wanted - predicted
    return {
        "pinball": float(np.maximum(SHARE * above, (SHARE - 1) * above).mean()),
        "covered": float((above <= 0).mean()),
        "spearman": float(spearmanr(predicted, wanted).statistic),
    }


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = ratings(train=1240, validation=300, seed=409, noise=0.15).rename_column("score", "label")
    return assemble(
        load_regressor(problem_type="regression", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0),
        arguments(output_dir, seed, num_train_epochs=4),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_loss_func=pinball,
        compute_metrics=coverage,
    )
