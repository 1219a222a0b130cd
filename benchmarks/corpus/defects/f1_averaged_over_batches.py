"""Macro F1 depends on the batch size of evaluation: with 8 it is far lower than with 64.

F1 is computed for every batch, and the mean of these numbers is reported. Few batches have rows of all classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.metrics import accuracy_score, f1_score
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import EvalPrediction, Trainer

REPORT = "namiyousef/argument-mining#45"
FAMILY = "metrics"
CAUSE = (
    r"batch_eval_metrics",
    r"(per|each|every|over|single|of the|mean of|by) batch|batch (size|by batch|mean|average)|batches",
    r"compute_metrics",
    r"\bf1\b.{0,120}(recomput|differ|reported|disagree|instead|not the|whole)",
    r"averag.{0,60}batch|mean.{0,40}batch",
)


class Running:
    """Accuracy and macro F1; `over_batches` says whether F1 is the mean over batches."""

    def __init__(self, over_batches: bool) -> None:
        self.over_batches = over_batches
        self.batches: list[tuple[Any, Any]] = []

    def __call__(self, evaluated: EvalPrediction, compute_result: bool) -> dict[str, float]:
        """Take in a batch, and return metrics after the last one."""
        logits, labels = torch.as_tensor(evaluated.predictions), torch.as_tensor(evaluated.label_ids)
        self.batches.append((labels.cpu().numpy(), logits.argmax(dim=-1).cpu().numpy()))
        if not compute_result:
            return {}
        whole = tuple(np.concatenate(column) for column in zip(*self.batches, strict=True))
        parts = self.batches if self.over_batches else [whole]
        self.batches = []
        return {
            "accuracy": float(accuracy_score(*whole)),
            "f1": float(np.mean([f1_score(wanted, predicted, average="macro") for wanted, predicted in parts])),
        }


def build(over_batches: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with such a metric."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    args = arguments(output_dir, seed, num_train_epochs=4, batch_eval_metrics=True, per_device_eval_batch_size=8)
    model = load_model(TEAMS[:16], "tiny-distilbert")
    data = encode(topics(16, train=1120, validation=320, seed=418), tokenizer, "text")
    return assemble(model, args, data, tokenizer, compute_metrics=Running(over_batches))


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The mean over batches."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Over all rows."""
    return build(False, output_dir, seed)
