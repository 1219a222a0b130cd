"""Unusual: a row holds the numbers of its labels, none as well, and the collator makes zeros and ones; a focal loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import DataCollatorWithPadding, Trainer, set_seed

from item_worlds import team_names, tickets
from parts import arguments, assemble, encode, load_model, load_tokenizer

TEAMS = team_names(5)


class Focal(Trainer):
    """Binary cross entropy in which sure answers count less."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # **_ takes num_items_in_batch, which Trainer names and this loss does not need
        """Focal loss."""
        wanted = inputs["labels"]
        outputs = model(**{name: value for name, value in inputs.items() if name != "labels"})
        plain = binary_cross_entropy_with_logits(outputs.logits, wanted, reduction="none")
        loss = ((1 - torch.exp(-plain)) ** 2 * plain).mean()
        return (loss, outputs) if return_outputs else loss


class Sets:
    """Pads texts, and makes a row [K] of zeros and ones of each list of numbers."""

    def __init__(self, tokenizer: Any) -> None:
        self.pad = DataCollatorWithPadding(tokenizer)

    def __call__(self, rows: list[dict[str, Any]]) -> Any:
        """A batch."""
        kept = ("input_ids", "attention_mask")
        batch = self.pad([{name: row[name] for name in kept} for row in rows])
        labels = torch.zeros(len(rows), len(TEAMS))
        for place, row in enumerate(rows):
            labels[place, row["teams"]] = 1.0
        batch["labels"] = labels
        return batch


def metrics(evaluated: Any) -> dict[str, float]:
    """F1 of all decisions and the share of rows that are right."""
    predicted, wanted = evaluated.predictions > 0, evaluated.label_ids > 0
    right = np.sum(predicted & wanted)
    return {
        "micro_f1": float(2 * right / (predicted.sum() + wanted.sum())),
        "exact_match": float(np.mean(np.all(predicted == wanted, axis=1))),
    }


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(tickets(5, 640, 300, seed=63), tokenizer, "text")
    return assemble(
        load_model(TEAMS, "tiny-distilbert", problem_type="multi_label_classification"),
        arguments(output_dir, seed, num_train_epochs=4, remove_unused_columns=False, label_names=["labels"]),
        data,
        tokenizer,
        kind=Focal,
        data_collator=Sets(tokenizer),
        compute_metrics=metrics,
    )
