"""Logits that no model made, to ask a ``compute_metrics`` which metrics it returns, before anything is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.columns import list_lengths
from pytest_ftcheck.heads.traits import POSITIONS

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy.typing import NDArray

    from pytest_ftcheck.heads.head import Head


def generated_logits(head: Head, label_ids: NDArray[Any], num_labels: int, rows: Dataset) -> NDArray[np.float32]:
    """Return random logits in the shape of an evaluation of the rows, the same in each call.

    Args:
        head: the head.
        label_ids: labels of the rows, ``[N, …]``.
        num_labels: K.
        rows: the N tokenized rows.

    """
    shape = head.logits_shape(label_ids, num_labels)
    if POSITIONS in head.traits and "input_ids" in rows.column_names:  # a start and an end logit for each token
        shape = (shape[0], int(list_lengths(rows, "input_ids").max()), *shape[2:])
    return generated(shape)


def generated(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return random numbers of a shape, the same in each call."""
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)
