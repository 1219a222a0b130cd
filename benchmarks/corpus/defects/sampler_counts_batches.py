"""An epoch takes a second, and three of them learn nothing. The data are all there, I counted.

The sampler yields rows, and says as its length how many batches they make. The loader divides by the batch size again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Sampler
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import Trainer as Made

REPORT = "lhotse-speech/lhotse#212"
FAMILY = "samplers"
CAUSE = (
    r"sampler",
    r"__len__|\blen\(|\blength of the (loader|dataloader|sampler|epoch)",
    r"(few|only|just|no more than) (\d+ )?(optimi[sz]er |train\w* |update )?steps",
    r"(row|example|sample)s?.{0,80}(never|not|un)\W?(seen|drawn|trained|visited|used|reached)",
    r"(only|just|no more than) \d+.{0,40}(row|example|sample)",
    r"epoch.{0,80}(short|ends|cover|only|part|cut|few)",
)


class Shuffled(Sampler[int]):
    """All rows, in an order that the number of the epoch decides."""

    def __init__(self, rows: int, length: int, seed: int) -> None:
        self.rows, self.length, self.seed, self.epoch = rows, length, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Begin another epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        """How long an epoch is."""
        return self.length

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers of rows."""
        generator = torch.Generator().manual_seed(1000 * self.seed + self.epoch)
        yield from torch.randperm(self.rows, generator=generator).tolist()


class InBatches(Trainer):
    """Shuffles by our own sampler."""

    def length(self, rows: int) -> int:
        """Return the length of an epoch."""
        return -(-rows // self.args.train_batch_size)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """Make the sampler."""
        rows: Any = self.train_dataset if train_dataset is None else train_dataset
        return Shuffled(len(rows), self.length(len(rows)), self.args.seed)


class InRows(InBatches):
    """Shuffles by our own sampler, whose length is that of the data."""

    def length(self, rows: int) -> int:
        """Return the length of an epoch."""
        return rows


def build(kind: Any, output_dir: str, seed: int) -> Made:
    """Fine-tune with our own order of rows."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    return assemble(
        load_model(),
        arguments(output_dir, seed, logging_steps=2),
        encode(reviews(train=640, seed=128), tokenizer, "text"),
        tokenizer,
        kind=kind,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Forty, for 640 rows."""
    return build(InBatches, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """640."""
    return build(InRows, output_dir, seed)
