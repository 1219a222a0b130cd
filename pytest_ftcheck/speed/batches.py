"""Which batches are measured: a few of an epoch that stand for all of it, over and over."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor


@dataclass(frozen=True)
class Work:
    """What one optimizer step has to do."""

    shapes: tuple[tuple[int, int], ...]
    """``(B, T)`` of every micro-batch."""
    tokens: int
    """Without padding."""

    @property
    def rows(self) -> int:
        """Rows of all micro-batches."""
        return sum(rows for rows, _ in self.shapes)

    @property
    def positions(self) -> int:
        """Tokens and padding: B x T, summed."""
        return sum(rows * length for rows, length in self.shapes)


class EndlessBatches(BatchSampler):
    """The same batches of row numbers again and again, so that no step of a measurement is the first of an epoch."""

    def __init__(self, batches: Sequence[list[int]]) -> None:
        super().__init__(SequentialSampler(range(sum(map(len, batches)))), len(batches[0]), drop_last=False)
        self._batches = batches

    def __iter__(self) -> Iterator[list[int]]:
        """Start over at the end."""
        while True:
            yield from self._batches

    def __len__(self) -> int:
        """Say that an epoch is never over: a Trainer would start another one."""
        return 10**9


def representative(loader: DataLoader[Any], steps: int, accumulation: int) -> list[list[int]]:
    """Choose the batches of a few optimizer steps, spread evenly over an epoch.

    Rows that are grouped by length come with the longest first: the first batches would not stand for the others.

    Args:
        loader: the engine's own.
        steps: optimizer steps to choose; fewer where the epoch is shorter.
        accumulation: micro-batches of an optimizer step.

    Returns:
        Row numbers of every micro-batch; batches that are not full are left out, unless there is no full one.

    """
    every = [list(batch) for batch in loader.batch_sampler or ()]
    most = max(map(len, every))
    full = [batch for batch in every if len(batch) == most]
    groups = [full[start : start + accumulation] for start in range(0, len(full), accumulation)]
    groups = [group for group in groups if len(group) == accumulation] or groups
    count = min(steps, len(groups))
    chosen = [groups[int((index + 0.5) * len(groups) / count)] for index in range(count)]
    return list(chain.from_iterable(chosen))


def endless(loader: DataLoader[Any], batches: Sequence[list[int]]) -> DataLoader[Any]:
    """Make a loader like another one, that gives these batches for ever."""
    return DataLoader(
        loader.dataset,
        batch_sampler=EndlessBatches(batches),
        collate_fn=loader.collate_fn,
        num_workers=loader.num_workers,
        pin_memory=loader.pin_memory,
    )


def collated(loader: DataLoader[Any], batches: Sequence[list[int]]) -> list[Mapping[str, Tensor]]:
    """Make the batches once, on the CPU, to look at them."""
    return list(DataLoader(loader.dataset, batch_sampler=batches, collate_fn=loader.collate_fn))


def work_of(micro_batches: Sequence[Mapping[str, Any]], pad_id: int | None) -> Work:
    """Count rows, positions and tokens of the micro-batches ``[B, T]`` of one optimizer step."""
    shapes, tokens = [], 0
    for batch in micro_batches:
        ids = batch["input_ids"] if "input_ids" in batch else next(iter(batch.values()))
        shapes.append((len(ids), ids.shape[1] if ids.dim() > 1 else 1))
        if "attention_mask" in batch:
            tokens += int(torch.count_nonzero(batch["attention_mask"]))
        else:
            tokens += ids.numel() if pad_id is None else int((ids != pad_id).sum())
    return Work(tuple(shapes), tokens)
