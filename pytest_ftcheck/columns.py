"""Reads columns of data sets in batches of rows: a large table is never converted to Python objects as a whole."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pytest_ftcheck.compat.of_datasets import row_order

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from datasets import Dataset
    from numpy.typing import NDArray

LABEL_NAMES = ("labels", "label", "label_ids")
"""Names of label columns in batches and data sets of transformers, the most common first."""
POSITION_NAMES = ("start_positions", "end_positions")
"""Under which they have first and last token of an answer instead."""
ALL_LABEL_NAMES = (*LABEL_NAMES, *POSITION_NAMES)
BATCH = 10_000
"""Number of rows in a batch: a few MiB of text or tokens."""


def label_names_in(names: Collection[str]) -> tuple[str, ...]:
    """Return which columns of a batch or data set hold the labels: one, or first and last token; none where none do."""
    found = next((name for name in LABEL_NAMES if name in names), None)
    if found is not None:
        return (found,)
    return POSITION_NAMES if all(name in names for name in POSITION_NAMES) else ()


def label_values(rows: Dataset) -> list[Any]:
    """Return the labels of a tokenized data set as plain values, ``[N]``: of positions, pairs."""
    names = label_names_in(rows.column_names)
    return scalars(rows, *names) if len(names) == 1 else [list(pair) for pair in walk(rows, names)]


def tables(rows: Dataset, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield the rows as Arrow tables of at most `BATCH` rows, in order.

    Args:
        rows: a data set in any format.
        columns: names of columns, each read once; None: all.

    """
    table = rows.data.table.select(rows.column_names if columns is None else list(dict.fromkeys(columns)))
    # If indices change the order of rows, `Dataset.iter` gathers them one by one, which took 70 times as long.
    order = row_order(rows)
    for start in range(0, len(rows), BATCH):
        yield table.slice(start, BATCH) if order is None else table.take(order.slice(start, BATCH))


def arrays(rows: Dataset, column: str) -> Iterator[pa.Array]:
    """Yield one column as Arrow arrays of at most `BATCH` values."""
    for table in tables(rows, [column]):
        yield pa.concat_arrays(table.column(column).chunks)


def walk(rows: Dataset, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield a tuple of plain values for each row, ``[N]``; at most a batch of them exists at a time."""
    for table in tables(rows, columns):
        yield from zip(*(table.column(name).to_pylist() for name in columns), strict=True)


def taken(rows: Dataset, column: str, indices: Sequence[int]) -> list[Any]:
    """Return a column of some rows as plain values, in the order of the indices."""
    table = rows.data.table.select([column])
    chosen = pa.array(np.asarray(indices, dtype=np.int64))
    order = row_order(rows)
    found: list[Any] = table.take(chosen if order is None else order.take(chosen)).column(column).to_pylist()
    return found


def scalars(rows: Dataset, column: str) -> list[Any]:
    """Return a column with one number or string per row as plain values, ``[N]``."""
    return [value for array in arrays(rows, column) for value in array.to_pylist()]


def list_lengths(rows: Dataset, column: str) -> NDArray[np.int64]:
    """Return the length of each row's list, ``[N]``; 0 for a missing list."""
    counts = [pc.fill_null(pc.list_value_length(array), 0).to_numpy() for array in arrays(rows, column)]
    return np.concatenate([np.zeros(0, np.int64), *counts]).astype(np.int64)


def holds_lists(values: Any) -> bool:
    """Tell whether values are lists themselves, as the token ids of a row with several texts; of lists or tensors."""
    if hasattr(values, "ndim"):
        return bool(values.ndim > 1)
    # A tensor of no axis has a length by its type, and none when it is asked.
    first = values[0] if len(values) else None
    return isinstance(first, list) or getattr(first, "ndim", 0) > 0


def joined_ids(row: Any) -> Any:
    """Return what a row has for its tokens, such as their ids; of a row with several texts, one after the other."""
    if not holds_lists(row):
        return row
    return row.reshape(-1) if hasattr(row, "reshape") else list(chain.from_iterable(row))
