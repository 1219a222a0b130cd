"""Collators that wrap the pipeline's collator and change its input or its output. Shapes: B rows, T columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.columns import LABEL_NAMES
from pytest_ftcheck.faults.planting import tokenizer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_ftcheck.pipeline.parts import Pipeline

Features = list[dict[str, Any]]
Batch = dict[str, Any]
_MATRIX = 2


@dataclass(frozen=True)
class ChangedBatches:
    """A collator that changes the batches of another collator."""

    data_collator: Callable[[Features], Mapping[str, Any]]
    change: Callable[[Batch], Batch]

    def __call__(self, features: Features) -> Batch:
        """Make a batch and change it."""
        return self.change(dict(self.data_collator(features)))


@dataclass(frozen=True)
class ChangedFeatures:
    """A collator that changes the features before another collator makes a batch of them."""

    data_collator: Callable[[Features], Mapping[str, Any]]
    change: Callable[[Features], Features]

    def __call__(self, features: Features) -> Batch:
        """Change the features and make a batch."""
        return dict(self.data_collator(self.change(features)))


def with_batches(pipeline: Pipeline, change: Callable[[Batch], Batch]) -> Pipeline:
    """Return the pipeline with batches that are changed after its own collator has made them."""
    return replace(pipeline, data_collator=ChangedBatches(pipeline.data_collator, change))


def with_features(pipeline: Pipeline, change: Callable[[Features], Features]) -> Pipeline:
    """Return the pipeline with features that are changed before its own collator gets them."""
    return replace(pipeline, data_collator=ChangedFeatures(pipeline.data_collator, change))


def require_ragged(pipeline: Pipeline) -> None:
    """Refuse a fault that concerns padding if the rows need no padding.

    Raises:
        NotApplicable: all rows have one length.

    """
    lengths = set(map(len, pipeline.eval_dataset.with_format(None)["input_ids"]))
    if len(lengths) == 1:
        msg = "all rows have the same length before they are collated"
        raise NotApplicable(msg)


def pad_id_of(pipeline: Pipeline) -> int:
    """Return the tokenizer's pad id.

    Raises:
        NotApplicable: the tokenizer has no pad id.

    """
    pad_id = tokenizer_of(pipeline).pad_token_id
    if pad_id is None:
        msg = "the tokenizer has no pad token"
        raise NotApplicable(msg)
    return int(pad_id)


def label_key(batch: Mapping[str, Any]) -> str:
    """Return the name of the labels in a batch."""
    return next(name for name in LABEL_NAMES if name in batch)


def matrices(batch: Batch) -> list[str]:
    """Return the names of the entries of shape ``[B, T]``."""
    return [name for name, value in batch.items() if isinstance(value, torch.Tensor) and value.dim() == _MATRIX]
