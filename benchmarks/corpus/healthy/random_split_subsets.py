"""Unusual: train and validation are Subsets of one torch Dataset, drawn by random_split with a seed of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Dataset, random_split
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer


class Tickets(Dataset[dict[str, Any]]):
    """All tickets, tokenized at once."""

    def __init__(self, texts: list[str], labels: list[int], tokenizer: Any) -> None:
        self.encoded = tokenizer(texts, truncation=True, max_length=64)
        self.labels = labels

    def __len__(self) -> int:
        """How many there are."""
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return a ticket."""
        return {**{name: values[index] for name, values in self.encoded.items()}, "labels": self.labels[index]}


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    rows = topics(6, train=960, validation=1, seed=416)["train"]
    tickets = Tickets(list(rows["text"]), list(rows["label"]), tokenizer)
    train, validation = random_split(tickets, [0.75, 0.25], torch.Generator().manual_seed(42))
    return assemble(
        load_model(TEAMS[:6], "tiny-distilbert"),
        arguments(output_dir, seed, num_train_epochs=4),
        {"train": train, "validation": validation},
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )
