"""Unusual: errors cost differently; the loss is the expected cost beside entropy, and the metric is the mean cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.metrics import accuracy_score
from torch.nn.functional import cross_entropy
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import stars

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer

COSTS = torch.tensor([[0.0, 1.0, 2.0, 4.0], [1.0, 0.0, 1.0, 2.0], [2.0, 1.0, 0.0, 1.0], [3.0, 2.0, 1.0, 0.0]])


def costly(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    """Cross entropy, and a third of the cost that is to be expected."""
    del num_items_in_batch
    chances = outputs.logits.softmax(dim=-1)
    expected = (chances * COSTS.to(chances)[labels]).sum(dim=-1).mean()
    return cross_entropy(outputs.logits, labels) + expected / 3


def scores(evaluated: EvalPrediction) -> dict[str, float]:
    """Mean cost, and share of right answers."""
    predicted, wanted = np.argmax(evaluated.predictions, axis=-1), np.asarray(evaluated.label_ids)
    cost = float(COSTS.numpy()[wanted, predicted].mean())
    return {"cost": cost, "accuracy": float(accuracy_score(wanted, predicted))}


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune, and keep the cheapest epoch."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    args = arguments(
        output_dir,
        seed,
        num_train_epochs=5,
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="cost",
        greater_is_better=False,
    )
    model = load_model(("none", "one", "two", "all"), "tiny-distilbert")
    data = encode(stars(train=640, seed=517), tokenizer, "text")
    return assemble(model, args, data, tokenizer, compute_loss_func=costly, compute_metrics=scores)
