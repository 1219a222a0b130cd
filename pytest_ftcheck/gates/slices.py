"""Metrics on slices of the rows: by class, value of a column, length, truncation, or a user's function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.gates.intervals import row_interval
from pytest_ftcheck.gates.row_metrics import row_metric
from pytest_ftcheck.heads.row_metrics import metric_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from pytest_ftcheck.gates.intervals import Interval
    from pytest_ftcheck.heads.rows import EvaluatedRows

    Masks = dict[str, NDArray[np.bool_]]

LENGTH_BANDS = 4
MOST_SLICES = 50
"""Maximum number of slices in a family: a column with more values is probably a text or a number."""


@dataclass(frozen=True)
class SliceScore:
    """A metric on one slice."""

    name: str
    metric: str
    value: float
    """Value on the slice; NaN where the slice has no rows or the metric is undefined."""
    interval: Interval
    """95% interval over the rows of the slice."""
    rows: int


def slice_scores(metric: str, rows: EvaluatedRows, masks: Mapping[str, NDArray[np.bool_]]) -> list[SliceScore]:
    """Score a metric on each slice, in the order of the masks.

    Args:
        metric: name for `row_metric`; `resolve_metric` finds the name on all rows.
        rows: N evaluated rows.
        masks: masks by the slice's name, bool ``[N]``; slices may overlap.

    Raises:
        DataError: a mask has a wrong shape or dtype, or the metric cannot be computed from these rows.

    """
    scores = []
    for name, mask in masks.items():
        selected = np.asarray(mask)
        if selected.shape != (len(rows),) or selected.dtype != np.bool_:
            msg = f"slice {name!r} needs a mask of {len(rows)} booleans, got {selected.dtype} {selected.shape}."
            raise DataError(msg)
        part = rows.take(selected)
        interval = row_interval(metric, part)
        if interval is None:
            msg = f"metric {metric!r} has no slices: it cannot be computed from single rows."
            raise DataError(msg)
        found = row_metric(metric, part) if len(part) and part.finite else None
        value = float("nan") if found is None else metric_value(found)
        scores.append(SliceScore(name, metric, value, interval, len(part)))
    return scores


def class_masks(label_ids: NDArray[Any], label_names: Sequence[str]) -> Masks:
    """Return the rows of each class: ``class=NAME``. Accuracy on such a slice is the recall of the class."""
    return {f"class={name}": np.asarray(label_ids == label) for label, name in enumerate(label_names)}


def value_masks(column: str, values: Iterable[object]) -> Masks:
    """Return the rows of each value of a column, ``COLUMN=VALUE``, in order of first occurrence.

    A flag such as ``truncated`` is a column of booleans.

    Raises:
        DataError: more than `MOST_SLICES` values.

    """
    texts = np.array([str(value) for value in values], dtype=object)
    distinct = dict.fromkeys(texts)
    if len(distinct) > MOST_SLICES:
        msg = (
            f"slices: {column!r} has {len(distinct)} values; slices take at most {MOST_SLICES}. Name a column with "
            "few values, or a function that groups the values."
        )
        raise DataError(msg)
    return {f"{column}={text}": np.asarray(texts == text, dtype=np.bool_) for text in distinct}


def length_masks(lengths: ArrayLike, *, bands: int = LENGTH_BANDS) -> Masks:
    """Return the rows of each band of lengths, ``length=LOW-HIGH`` with both ends; bands have about equal row counts.

    Args:
        lengths: ``[N]``, for example tokens of each row.
        bands: maximum number of bands; there are fewer if many rows have the same length.

    """
    numbers = np.asarray(lengths, dtype=np.int64)
    if not numbers.size:
        return {}
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, bands + 1)[1:], method="inverted_cdf"))
    band = np.searchsorted(edges, numbers)
    masks = [band == index for index in range(len(edges))]
    return {f"length={numbers[mask].min()}-{numbers[mask].max()}": mask for mask in masks}


def function_masks(function: Callable[[Mapping[str, Any]], object], examples: Iterable[Mapping[str, Any]]) -> Masks:
    """Return the rows of each value of a user's function, ``FUNCTION=VALUE``; None leaves a row out.

    Args:
        function: maps a row of the data set to a value: a string, a number, a boolean.
        examples: the N rows.

    """
    values = [function(example) for example in examples]
    name = getattr(function, "__name__", type(function).__name__)
    masks = value_masks(name, values)
    missing = np.array([value is None for value in values], dtype=np.bool_)
    kept = {slice_name: mask & ~missing for slice_name, mask in masks.items()}
    return {slice_name: mask for slice_name, mask in kept.items() if mask.any()}
