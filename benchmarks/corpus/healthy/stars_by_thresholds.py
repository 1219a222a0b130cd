"""Unusual: four ordered classes, three outputs: more than none, than one, than two? The answer is how many say yes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import stars

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer


def metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """Share of right answers, and how many stars they are off on average."""
    predicted = np.sum(np.asarray(evaluated.predictions) > 0, axis=1)
    wanted = np.sum(np.asarray(evaluated.label_ids) > 0.5, axis=1)
    return {
        "accuracy": float(np.mean(predicted == wanted)),
        "mean_absolute_error": float(np.mean(np.abs(predicted - wanted))),
    }


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = stars(train=720, validation=300, seed=204).rename_column("label", "stars")
    data = data.map(lambda row: {"labels": [float(row["stars"] > threshold) for threshold in range(3)]})
    return assemble(
        load_model(("above none", "above one", "above two"), problem_type="multi_label_classification"),
        arguments(output_dir, seed, num_train_epochs=5),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=metrics,
    )
