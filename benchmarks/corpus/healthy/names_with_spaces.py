"""Unusual: names of classes have spaces, accents, a slash and an emoji, and the metric reports F1 under these names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import accuracy_score, f1_score
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import topics

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer

NAMES = ("réclamation", "Rückgabe / Umtausch", "livraison en retard", "100 % satisfait 🙂", "autre")


def scores(evaluated: EvalPrediction) -> dict[str, float]:
    """Accuracy, macro F1, and F1 of each class."""
    predicted = np.argmax(evaluated.predictions, axis=-1)
    each = f1_score(evaluated.label_ids, predicted, average=None, labels=range(len(NAMES)), zero_division=0)
    accuracy = float(accuracy_score(evaluated.label_ids, predicted))
    named = {f"f1 of {name}": float(one) for name, one in zip(NAMES, each, strict=True)}
    return {"accuracy": accuracy, "f1": float(np.mean(each)), **named}


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(topics(5, train=640, seed=511), tokenizer, "text")
    args = arguments(output_dir, seed, num_train_epochs=4)
    return assemble(load_model(NAMES), args, data, tokenizer, compute_metrics=scores)
