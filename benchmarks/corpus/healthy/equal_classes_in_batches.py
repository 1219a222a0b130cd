"""Unusual: every batch holds as many rows of each class; rows of rare classes come several times an epoch."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.utils.data import Sampler
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import Trainer as Made


class Alternating(Sampler[int]):
    """A row of each class in turn, in a new order every epoch."""

    def __init__(self, labels: Any, seed: int) -> None:
        labels = np.array(labels)
        self.classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        self.chance = np.random.default_rng(seed)
        self.size = len(labels) // len(self.classes) * len(self.classes)

    def __len__(self) -> int:
        """How many rows an epoch has."""
        return self.size

    def draw(self, rows: np.ndarray) -> Iterator[int]:
        """Draw rows of a class, each of them once before any comes again."""
        while True:
            yield from self.chance.permutation(rows).tolist()

    def __iter__(self) -> Iterator[int]:
        """Draw an epoch."""
        turns = zip(*(self.draw(rows) for rows in self.classes), strict=True)
        shuffled = (self.chance.permutation(turn).tolist() for turn in turns)
        yield from islice(chain.from_iterable(shuffled), self.size)


class Equal(Trainer):
    """Draws rows in turn."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """Make the sampler."""
        rows: Any = self.train_dataset if train_dataset is None else train_dataset
        return Alternating(rows["label"], self.args.seed)


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:4], "tiny-distilbert"),
        arguments(output_dir, seed, num_train_epochs=4),
        encode(topics(4, train=720, seed=410, shares=(4, 3, 2, 1)), tokenizer, "text"),
        tokenizer,
        kind=Equal,
        compute_metrics=accuracy_and_f1,
    )
