"""Unusual: prices from ten to four hundred, learnt as logarithms with Huber's loss; metrics are in the currency."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import spearmanr
from torch.nn.functional import huber_loss
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_regressor, load_tokenizer
from worlds import ratings

if TYPE_CHECKING:
    from transformers import EvalPrediction
    from transformers import Trainer as Made


class Robust(Trainer):
    """Counts large errors less."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Huber's loss."""
        outputs = model(**{name: value for name, value in inputs.items() if name != "labels"})
        loss = huber_loss(outputs.logits.squeeze(-1), inputs["labels"], delta=0.5)
        return (loss, outputs) if return_outputs else loss


def metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """Median error in the currency and in percent, and the correlation of ranks."""
    predicted, wanted = np.exp(np.ravel(evaluated.predictions)), np.exp(np.ravel(evaluated.label_ids))
    return {
        "median_error": float(np.median(np.abs(predicted - wanted))),
        "median_percent": float(100 * np.median(np.abs(predicted / wanted - 1))),
        "spearman": float(spearmanr(predicted, wanted).statistic),
    }


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    chance = random.Random(209)
    tokenizer = load_tokenizer()

    def priced(row: dict[str, Any]) -> dict[str, float]:
        price = round(10 * float(np.exp(3.5 * row["score"] + chance.gauss(0, 0.1))), 2)
        return {"price": price, "labels": float(np.log(price))}

    data = ratings(train=640, validation=280, seed=209, noise=0.03).map(priced, remove_columns="score")
    return assemble(
        load_regressor(),
        arguments(output_dir, seed, num_train_epochs=5),
        encode(data, tokenizer, "text"),
        tokenizer,
        kind=Robust,
        compute_metrics=metrics,
    )
