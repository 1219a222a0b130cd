"""Faults of the data collator. Shapes: B rows, T columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.collators import Batch, Features, matrices, pad_id_of, require_ragged, with_batches
from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.planting import tokenizer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from pytest_ftcheck.pipeline.parts import Pipeline

_ROWS = 8
_BLOCK = 8
_UNLIKELY_PAD = 1


@fault(
    caught_by=("collator.mask",),
    seen_in_practice="A custom collator makes the mask with ones_like(input_ids), or makes the mask before it pads.",
)
def mask_all_ones(pipeline: Pipeline) -> Pipeline:
    """The attention mask is 1 on padding too."""
    require_ragged(pipeline)
    return with_batches(pipeline, _ones)


def _ones(batch: Batch) -> Batch:
    return {**batch, "attention_mask": torch.ones_like(batch["input_ids"])}


@fault(
    caught_by=("collator.mask",),
    seen_in_practice="The mask follows torch's key_padding_mask, in which True means padding, or compares with == "
    "instead of !=.",
)
def mask_inverted(pipeline: Pipeline) -> Pipeline:
    """The attention mask is 1 on padding and 0 on tokens."""
    pad_id = pad_id_of(pipeline)
    return with_batches(pipeline, partial(_inverted, pad_id=pad_id))


def _inverted(batch: Batch, pad_id: int) -> Batch:
    return {**batch, "attention_mask": (batch["input_ids"] == pad_id).long()}


@fault(
    caught_by=("collator.mask", "data.unused_columns", "training.mask_reaches_model"),
    seen_in_practice="The collator stacks only input_ids and labels: no other column existed when it was written.",
)
def mask_not_collated(pipeline: Pipeline) -> Pipeline:
    """The batches have no attention mask."""
    require_ragged(pipeline)
    return with_batches(pipeline, _without_mask)


def _without_mask(batch: Batch) -> Batch:
    return {name: value for name, value in batch.items() if name != "attention_mask"}


@fault(
    caught_by=("collator.pad_id",),
    seen_in_practice="pad_sequence pads with 0, which is the id of a word or of <s> in the vocabulary of RoBERTa and "
    "other models.",
)
def wrong_pad_id(pipeline: Pipeline) -> Pipeline:
    """Batches are padded with a number that is not the tokenizer's pad id."""
    require_ragged(pipeline)
    pad_id = pad_id_of(pipeline)
    wrong = 0 if pad_id else _UNLIKELY_PAD
    return with_batches(pipeline, partial(_padded_with, pad_id=pad_id, wrong=wrong))


def _padded_with(batch: Batch, pad_id: int, wrong: int) -> Batch:
    ids = batch["input_ids"]
    return {**batch, "input_ids": torch.where(ids == pad_id, wrong, ids)}


@fault(
    caught_by=("collator.side", "model.padding_invariance"),
    seen_in_practice="padding_side = 'left' is copied from code for a decoder; an encoder with learned positions then "
    "sees a row at other positions in every batch.",
)
def padded_left(pipeline: Pipeline) -> Pipeline:
    """Rows are padded on the left, and their positions are not shifted."""
    require_ragged(pipeline)
    if tokenizer_of(pipeline).padding_side == "left":
        msg = "the tokenizer pads on the left"
        raise NotApplicable(msg)
    return with_batches(pipeline, partial(_rolled, pad_id=pad_id_of(pipeline)))


def _rolled(batch: Batch, pad_id: int) -> Batch:
    shifts = (batch["input_ids"] == pad_id).sum(dim=1)
    return batch | {name: _roll_rows(batch[name], shifts) for name in matrices(batch)}


def _roll_rows(values: Tensor, shifts: Tensor) -> Tensor:
    return torch.stack([torch.roll(row, int(shift)) for row, shift in zip(values, shifts, strict=True)])


@fault(
    caught_by=("collator.shape", "collator.labels"),
    seen_in_practice="A collator for fixed shapes (TPU, compiled graphs) fills up the last batch with rows that have "
    "the label 0 instead of -100, which means no label.",
)
def labels_padded_with_0(pipeline: Pipeline) -> Pipeline:
    """Batches are filled up to a multiple of eight rows with empty rows that have the label 0."""
    return with_batches(pipeline, partial(_filled, pad_id=pad_id_of(pipeline)))


def _filled(batch: Batch, pad_id: int) -> Batch:
    rows = len(batch["input_ids"])
    missing = -rows % _ROWS
    return {
        name: torch.cat([value, value.new_full((missing, *value.shape[1:]), pad_id if name == "input_ids" else 0)])
        for name, value in batch.items()
    }


@fault(
    caught_by=("collator.shape",),
    seen_in_practice="Pairs are made of neighbouring rows, and the loop over range(len(features) - 1) omits the last "
    "row.",
)
def last_row_dropped(pipeline: Pipeline) -> Pipeline:
    """The last row of every batch is dropped."""
    return with_batches(pipeline, _without_last)


def _without_last(batch: Batch) -> Batch:
    return {name: value[:-1] if len(value) > 1 else value for name, value in batch.items()}


@fault(
    caught_by=("collator.order", "collator.labels"),
    seen_in_practice="Rows are sorted by length for pack_padded_sequence, and the labels are collected from the "
    "unsorted list.",
)
def rows_reordered(pipeline: Pipeline) -> Pipeline:
    """Batches are sorted by length, their labels are not."""
    require_ragged(pipeline)
    return with_batches(pipeline, partial(_sorted, pad_id=pad_id_of(pipeline)))


def _sorted(batch: Batch, pad_id: int) -> Batch:
    order = (batch["input_ids"] != pad_id).sum(dim=1).argsort(descending=True, stable=True)
    return batch | {name: batch[name][order] for name in matrices(batch)}


@fault(
    caught_by=("collator.shape",),
    seen_in_practice="The length is rounded up by (length // 8) * 8 + 7: a model that was compiled for multiples of "
    "eight gets other shapes.",
)
def one_short_of_a_multiple(pipeline: Pipeline) -> Pipeline:
    """Batches are padded to one column less than the requested multiple of eight."""
    require_ragged(pipeline)
    return replace(pipeline, data_collator=_OneShort(pipeline.data_collator, pad_id_of(pipeline)))


@dataclass(frozen=True)
class _OneShort:
    """A collator that claims to pad to multiples of eight."""

    data_collator: Callable[[Features], Mapping[str, Any]]
    pad_id: int
    pad_to_multiple_of: int = _BLOCK

    def __call__(self, features: Features) -> Batch:
        batch = dict(self.data_collator(features))
        width = batch["input_ids"].shape[1]
        missing = (width // _BLOCK) * _BLOCK + _BLOCK - 1 - width
        for name in matrices(batch):
            fill = self.pad_id if name == "input_ids" else 0
            batch[name] = torch.nn.functional.pad(batch[name], (0, max(missing, 0)), value=fill)
        return batch


@fault(
    caught_by=("collator.tokens", "collator.shape", "collator.lengths_example"),
    seen_in_practice="The length of the batch is read from features[0] and the other rows are cut to it, which works "
    "only while batches are sorted by length.",
)
def padded_to_the_first_row(pipeline: Pipeline) -> Pipeline:
    """Every batch is as long as its first row, and longer rows are cut."""
    require_ragged(pipeline)
    return with_batches(pipeline, partial(_as_wide_as_first, pad_id=pad_id_of(pipeline)))


def _as_wide_as_first(batch: Batch, pad_id: int) -> Batch:
    width = int((batch["input_ids"][0] != pad_id).sum())
    return batch | {name: batch[name][:, :width] for name in matrices(batch)}
