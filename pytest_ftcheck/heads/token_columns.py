"""Names the columns of tokenized rows that hold one value for each token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_ftcheck.columns import LABEL_NAMES
from pytest_ftcheck.heads.traits import LABEL_SETS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping


def columns_per_token(rows: Iterable[Mapping[str, Any]], traits: Collection[str]) -> frozenset[str]:
    """Return the names of the columns that have as many values as ``input_ids`` in every row.

    A list of another kind, such as a vector of 11 labels, has by chance as many values as some rows have tokens: one
    row alone does not tell, and label columns of a head with `LABEL_SETS` never count.

    Args:
        rows: features; their values are numbers, lists, arrays or tensors.
        traits: traits of the task's head.

    """
    found: set[str] | None = None
    for row in rows:
        length = len(row["input_ids"])
        sized = {name for name, value in row.items() if _size(value) == length}
        found = sized if found is None else found & sized
    return frozenset(found or ()) - frozenset(LABEL_NAMES if LABEL_SETS in traits else ())


def _size(value: Any) -> int | None:
    """Return the number of values of a list, an array or a tensor, and None for anything else."""
    if isinstance(value, list):
        return len(value)
    return len(value) if getattr(value, "ndim", 0) else None
