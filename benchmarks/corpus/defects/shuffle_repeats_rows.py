"""The more epochs, the fewer rows it seems to have seen. Some it knows by heart.

Python's shuffle runs on a tensor. It exchanges two elements through views of them, so that one of the two is lost and
the other stands there twice.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Sampler
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import Trainer as Made

REPORT = "r9y9/wavenet_vocoder#130"
FAMILY = "samplers"
CAUSE = (
    r"(rows?|samples?|examples?|ind(ex|ices)).{0,80}(twice|repeat|duplicat|times|more than once|left out|missing|skip)",
    r"sampler",
    r"permutation|shuffl",
    r"(never|not|only \d+|not all).{0,30}(drawn|seen|visited|trained|used|read)",
)


class Shuffled(Sampler[int]):
    """All rows in a new order, epoch after epoch."""

    def __init__(self, rows: Any, seed: int) -> None:
        self.rows = rows
        self.chance = random.Random(seed)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    def __iter__(self) -> Iterator[int]:
        """Bring them into another order."""
        self.chance.shuffle(self.rows)
        yield from map(int, self.rows)


class Sampled(Trainer):
    """Draws rows with that sampler, from a list of their numbers."""

    def numbers(self, count: int) -> Any:
        """Number the rows."""
        return list(range(count))

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """Make the sampler."""
        rows: Any = self.train_dataset if train_dataset is None else train_dataset
        return Shuffled(self.numbers(len(rows)), self.args.seed)


class OfTensor(Sampled):
    """The same from a tensor."""

    def numbers(self, count: int) -> Any:
        """Number the rows."""
        return torch.arange(count)


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:8], "tiny-distilbert"),
        arguments(output_dir, seed, num_train_epochs=5),
        encode(topics(8, train=480, seed=324), tokenizer, "text"),
        tokenizer,
        kind=kind,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """A tensor."""
    return build(OfTensor, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """A list."""
    return build(Sampled, output_dir, seed)
