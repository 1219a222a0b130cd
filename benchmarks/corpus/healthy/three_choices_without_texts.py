"""Unusual: three choices, rows of ids alone, a collator as in the old tutorial, Adafactor, gradients accumulated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import AutoModelForMultipleChoice, set_seed

from item_worlds import endings
from parts import arguments, assemble, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from transformers import Trainer


class PadChoices:
    """Flattens the choices, pads them together, and gives them their shape back."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def __call__(self, features: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Tensors [B, C, T] and labels [B]."""
        labels = [feature["labels"] for feature in features]
        size, choices = len(features), len(features[0]["input_ids"])
        flat = [
            {name: values[place] for name, values in feature.items() if name != "labels"}
            for feature in features
            for place in range(choices)
        ]
        padded = self.tokenizer.pad(flat, padding=True, return_tensors="pt")
        batch = {name: values.view(size, choices, -1) for name, values in padded.items()}
        batch["labels"] = torch.tensor(labels, dtype=torch.int64)
        return batch


def metrics(evaluated: Any) -> dict[str, float]:
    """Accuracy, and the mean of one over the rank."""
    order = np.argsort(-evaluated.predictions, axis=1)
    rank = np.argmax(order == evaluated.label_ids[:, None], axis=1)
    return {"accuracy": float(np.mean(rank == 0)), "reciprocal_rank": float(np.mean(1 / (rank + 1)))}


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")

    def encode(row: Any) -> Any:
        """Ids of each choice."""
        encoded = tokenizer([row["context"]] * 3, [row[f"ending{place}"] for place in range(3)], truncation=True)
        return {"input_ids": encoded["input_ids"], "attention_mask": encoded["attention_mask"], "labels": row["label"]}

    raw = endings(3, 480, 200, seed=71)
    return assemble(
        AutoModelForMultipleChoice.from_pretrained(bundled_checkpoint("tiny-distilbert")),
        arguments(
            output_dir,
            seed,
            optim="adafactor",
            learning_rate=2e-3,
            per_device_train_batch_size=8,
            gradient_accumulation_steps=2,
        ),
        raw.map(encode, remove_columns=raw["train"].column_names),
        tokenizer,
        data_collator=PadChoices(tokenizer),
        compute_metrics=metrics,
    )
