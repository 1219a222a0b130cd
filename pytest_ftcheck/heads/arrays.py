"""Converts the arrays of an evaluation: lists, tensors, tuples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.heads.traits import IGNORED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MATRIX = 2
"""Number of axes of logits [N, K]."""


def to_array(values: Any) -> NDArray[Any]:
    """Return a list, array or tensor (any device, bfloat16 too) as a NumPy array."""
    if hasattr(values, "detach"):
        tensor = values.detach().cpu()
        # NumPy has no bfloat16.
        return np.asarray(tensor.double() if tensor.is_floating_point() else tensor)
    return np.asarray(values)


def floats(logits: Any) -> NDArray[np.float64]:
    """Return logits as float64; for a tuple, its first element (others are, for example, hidden states)."""
    return to_array(logits[0] if isinstance(logits, tuple) else logits).astype(np.float64)


def softmax(logits: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    """Return probabilities along an axis, in the shape of the logits. `scipy.special` takes longer to import."""
    weights = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return np.asarray(weights / weights.sum(axis=axis, keepdims=True))


def side_by_side(values: Any) -> NDArray[Any]:
    """Return start and end as one array, ``[…, 2]``: the first two elements of a tuple; an array unchanged."""
    if not isinstance(values, (tuple, list)):
        return to_array(values)
    start, end = (to_array(part) for part in values[:2])
    return np.stack([start, end], axis=-1)


def single_column(values: NDArray[Any]) -> NDArray[Any]:
    """Return [N, 1] or [N] as [N].

    Raises:
        TaskError: another shape.

    """
    if values.ndim == 1:
        return values
    # Not `squeeze()`: that would turn the one row of [1, 1] into a scalar.
    if values.ndim == MATRIX and values.shape[1] == 1:
        return values[:, 0]
    msg = f"expected one value a row, shape [N] or [N, 1], got shape {values.shape}."
    raise TaskError(msg)


def has_shape(array: Any, expected: Sequence[int | None]) -> bool:
    """Return True if an array has this shape; None in the shape matches any size."""
    shape = np.shape(array)
    return len(shape) == len(expected) and all(
        wanted is None or size == wanted for size, wanted in zip(shape, expected, strict=True)
    )


def joined(batches: Sequence[NDArray[Any]], padding: float) -> NDArray[Any]:
    """Concatenate batches ``[B, …]`` to ``[N, …]``; axes after the first are padded to the largest size."""
    widest = np.max([batch.shape[1:] for batch in batches], axis=0).astype(int)
    wide = [
        batch
        if batch.shape[1:] == tuple(widest)
        else np.pad(
            batch,
            [(0, 0), *((0, most - size) for most, size in zip(widest, batch.shape[1:], strict=True))],
            constant_values=padding,
        )
        for batch in batches
    ]
    return np.concatenate(wide)


def without_padding(label_ids: NDArray[Any], width: int) -> NDArray[Any]:
    """Remove the columns of labels ``[N, T]`` beyond a width: a collator may pad further, to a multiple of 8.

    Labels of other shapes, and columns that contain a label, are kept.
    """
    if label_ids.ndim != MATRIX or not (label_ids[:, width:] == IGNORED).all():
        return label_ids
    return label_ids[:, :width]
