"""The measured batches: a few batches that represent an epoch, repeated without end."""

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
    """The work of one optimizer step."""

    shapes: tuple[tuple[int, int], ...]
    """``(B, T)`` of every micro-batch."""
    tokens: int
    """Number of tokens without padding."""

    @property
    def rows(self) -> int:
        """Rows of all micro-batches."""
        return sum(rows for rows, _ in self.shapes)

    @property
    def positions(self) -> int:
        """Number of tokens with padding: the sum of B x T."""
        return sum(rows * length for rows, length in self.shapes)


class EndlessBatches(BatchSampler):
    """Repeats the same batches of row numbers, so that no measured step is the first of an epoch."""

    def __init__(self, batches: Sequence[list[int]]) -> None:
        super().__init__(SequentialSampler(range(sum(map(len, batches)))), len(batches[0]), drop_last=False)
        self._batches = batches

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches without end."""
        while True:
            yield from self._batches

    def __len__(self) -> int:
        """Return a large length, so that a Trainer never starts another epoch."""
        return 10**9


def representative(loader: DataLoader[Any], steps: int, accumulation: int) -> list[list[int]]:
    """Choose the batches of a few optimizer steps, spread evenly over an epoch.

    With rows grouped by length, the longest rows come first, so that the first batches are not representative.

    Args:
        loader: the engine's own loader.
        steps: optimizer steps to choose; fewer where the epoch is shorter.
        accumulation: micro-batches of an optimizer step.

    Returns:
        Row numbers of every micro-batch; incomplete batches are left out, unless there is no full batch.

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
    """Make a loader with the settings of another one that repeats these batches without end."""
    return DataLoader(
        loader.dataset,
        batch_sampler=EndlessBatches(batches),
        collate_fn=loader.collate_fn,
        num_workers=loader.num_workers,
        pin_memory=loader.pin_memory,
    )


def collated(loader: DataLoader[Any], batches: Sequence[list[int]]) -> list[Mapping[str, Tensor]]:
    """Collate the batches once, on the CPU, to inspect them."""
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
