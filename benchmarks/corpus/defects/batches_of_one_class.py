"""Every run ends five to twenty points lower than it did, and the loss jumps from batch to batch.

Batches were grouped by class, for a loss that looked for positives in the batch. The loss is gone, the batches stayed.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader, Sampler
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import Trainer as Made

REPORT = "huggingface/sentence-transformers#2920"
FAMILY = "samplers"
CAUSE = (
    r"batch(es)?.{0,100}(class|label|sorted|grouped|alike|homogeneous)",
    r"(class|label)(es|s)?.{0,80}batch",
    r"sampler",
    r"(not|never|un)\W?shuffled|\bgrouped|\bsorted",
)


class Batches(Sampler[list[int]]):
    """Batches in a new order each time, grouped by class or mixed."""

    def __init__(self, labels: list[int], size: int, grouped: bool, seed: int) -> None:
        self.labels, self.size, self.grouped = labels, size, grouped
        self.chance = random.Random(seed)

    def __len__(self) -> int:
        """How many batches there are."""
        return len(self.groups())

    def groups(self) -> list[list[int]]:
        """Draw batches."""
        rows = list(range(len(self.labels)))
        self.chance.shuffle(rows)
        parts = [[row for row in rows if self.labels[row] == label] for label in sorted({*self.labels})]
        if not self.grouped:
            parts = [rows]
        drawn = [part[start : start + self.size] for part in parts for start in range(0, len(part), self.size)]
        self.chance.shuffle(drawn)
        return drawn

    def __iter__(self) -> Iterator[list[int]]:
        """Yield batches."""
        yield from self.groups()


class Batched(Trainer):
    """Takes its batches from a sampler."""

    grouped = True

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Make batches."""
        rows: Any = self.train_dataset
        batches = Batches(list(rows["label"]), self.args.train_batch_size, self.grouped, self.args.seed)
        kept = rows.select_columns(["input_ids", "attention_mask", "label"])
        return DataLoader(kept, batch_sampler=batches, collate_fn=self.data_collator)


class Mixed(Batched):
    """Takes its batches from all rows."""

    grouped = False


def build(kind: Any, output_dir: str, seed: int) -> Made:
    """Fine-tune with batches of our own."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:4], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(topics(4, seed=126), tokenizer, "text"),
        tokenizer,
        kind=kind,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """A batch has rows of one class."""
    return build(Batched, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """A batch has rows of any class."""
    return build(Mixed, output_dir, seed)
