"""Unusual: rare labels: positives are weighed by the counts of the training rows, in the loss of a subclass."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.metrics import average_precision_score, f1_score
from torch import nn
from transformers import Trainer, set_seed

from item_worlds import team_names, tickets
from parts import arguments, assemble, encode, load_model, load_tokenizer

TEAMS = team_names(6)


class Weighed(Trainer):
    """Binary cross entropy with a weight for the positives of each label."""

    def __init__(self, *args: Any, pos_weight: torch.Tensor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pos_weight = pos_weight

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # **_ takes num_items_in_batch, which Trainer names and this loss does not need
        """Weighed binary cross entropy."""
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        loss = nn.BCEWithLogitsLoss(pos_weight=self.pos_weight.to(outputs.logits.device))(outputs.logits, labels)
        return (loss, outputs) if return_outputs else loss


def metrics(evaluated: Any) -> dict[str, float]:
    """F1 and average precision, averaged over the labels."""
    wanted = evaluated.label_ids.astype(int)
    return {
        "f1_macro": float(f1_score(wanted, evaluated.predictions > 0, average="macro", zero_division=0)),
        "average_precision": float(average_precision_score(wanted, evaluated.predictions, average="macro")),
    }


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = tickets(6, 800, 300, seed=61, shares=(0.3, 0.15, 0.1))
    data = data.map(lambda row: {"labels": [float(number in row["teams"]) for number in range(len(TEAMS))]})
    data = encode(data, tokenizer, "text")
    positive = np.asarray(data["train"]["labels"]).sum(axis=0)
    weight = torch.tensor((len(data["train"]) - positive) / positive, dtype=torch.float32)
    return assemble(
        load_model(TEAMS, "tiny-distilbert", problem_type="multi_label_classification"),
        arguments(output_dir, seed, num_train_epochs=4),
        data,
        tokenizer,
        kind=Weighed,
        pos_weight=weight,
        compute_metrics=metrics,
    )
