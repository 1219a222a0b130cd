"""Private names of datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset


def row_order(rows: Dataset) -> pa.ChunkedArray | None:
    """Return the indices of the rows in their Arrow table, ``[N]``; None if they are in order."""
    return None if rows._indices is None else rows._indices.column(0)  # noqa: SLF001 - there is no public name


def table_identity(part: Any) -> str | None:
    """Return the fingerprint of a table in datasets; None for any other object."""
    return str(part._fingerprint) if hasattr(part, "_fingerprint") else None  # noqa: SLF001 - there is no public name
