"""Five epochs overfit in a strange way: some batches are learnt by heart, step by step.

The sampler seeds its generator anew whenever it starts, so that every epoch has the same batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Sampler
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import Trainer as Made

REPORT = "facebookresearch/ClassyVision#118"
FAMILY = "samplers"
CAUSE = (r"shuffl", r"same (order|batch|row)", r"\border\b", r"every epoch", r"sampler")


class Shuffled(Sampler[int]):
    """All rows, in an order of this epoch's."""

    def __init__(self, rows: int, seed: int, anew: bool) -> None:
        self.rows = rows
        self.seed = seed
        self.anew = anew
        self.epoch = 0

    def __len__(self) -> int:
        """How many rows there are."""
        return self.rows

    def __iter__(self) -> Iterator[int]:
        """Draw an order."""
        chance = torch.Generator().manual_seed(self.seed if self.anew else self.seed + self.epoch)
        self.epoch += 1
        yield from torch.randperm(self.rows, generator=chance).tolist()


class Sampled(Trainer):
    """Draws rows with that sampler."""

    anew = False

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """Make the sampler."""
        rows: Any = self.train_dataset if train_dataset is None else train_dataset
        return Shuffled(len(rows), self.args.seed, self.anew)


class Anew(Sampled):
    """The same, with the same order in every epoch."""

    anew = True


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(reviews(train=400), tokenizer, "text")
    model = load_model(checkpoint="tiny-distilbert")
    return assemble(model, arguments(output_dir, seed, num_train_epochs=4), data, tokenizer, kind=kind)


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """One order."""
    return build(Anew, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """An order for each epoch."""
    return build(Sampled, output_dir, seed)
