"""Unusual: choices are tensors of 40 positions, stacked by the default collator; labels are smoothed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Dataset
from transformers import AutoModelForMultipleChoice, default_data_collator, set_seed

from item_worlds import endings
from parts import accuracy, arguments, assemble, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from transformers import Trainer


class Choices(Dataset[Any]):
    """Encoded when they are made, all of the same shape."""

    def __init__(self, rows: Any, tokenizer: Any) -> None:
        self.labels = list(rows["label"])
        self.encoded = [
            tokenizer(
                [row["context"]] * 4,
                [row[f"ending{place}"] for place in range(4)],
                padding="max_length",
                max_length=40,
                truncation="only_first",
                return_tensors="pt",
            )
            for row in rows
        ]

    def __len__(self) -> int:
        """Rows."""
        return len(self.labels)

    def __getitem__(self, place: int) -> dict[str, Any]:
        """One row."""
        return {**self.encoded[place], "label": torch.tensor(self.labels[place])}


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    raw = endings(4, 480, 200, seed=73)
    return assemble(
        AutoModelForMultipleChoice.from_pretrained(bundled_checkpoint("tiny-bert")),
        arguments(output_dir, seed, label_smoothing_factor=0.1, max_grad_norm=0.5),
        {split: Choices(rows, tokenizer) for split, rows in raw.items()},
        tokenizer,
        data_collator=default_data_collator,
        compute_metrics=accuracy,
    )
