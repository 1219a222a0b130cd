"""Splits rows of multiple choice: each choice becomes a row, which is right or wrong.

Checks of rows with one text or a pair of texts then apply to choices. Shapes: N rows, C choices, T tokens.
"""

from __future__ import annotations

import re
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

_NUMBERED = re.compile(r"(.*?)\d+")

CONTEXT, CHOICE = "context", "choice"
"""Text columns of a row with one choice."""


def endings_of(columns: Sequence[str]) -> tuple[str, ...]:
    """Return the last columns whose names are one word with different numbers: ``ending0``, ``ending1``."""
    found: list[str] = []
    word: str | None = None
    for column in reversed(columns):
        stem = _NUMBERED.fullmatch(column)
        if stem is None or (found and stem[1] != word):
            break
        word = stem[1]
        found.insert(0, column)
    return tuple(found)


class EachChoice:
    """See `SingleTexts`."""

    head = "sequence-classification"
    label_names = ("wrong", "right")

    def text_columns(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Return the names of context and choice; empty where the texts are not known."""
        return (CONTEXT, CHOICE) if columns else ()

    def orders(self, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """Yield two columns or one column of context, and the endings: columns of one name with different numbers."""
        runs = {endings_of(columns[:stop]) for stop in range(len(columns) + 1)}
        for endings in sorted(runs, key=len, reverse=True):
            others = [name for name in columns if name not in endings]
            if len(endings) > 1:
                yield from ((*context, *endings) for count in (2, 1) for context in permutations(others, count))

    def rows(self, table: pa.Table, columns: Sequence[str], labels: str) -> pa.Table:
        """Make a row of each choice, with its tokens, its text, and the label 1 if it is right, else 0.

        Args:
            table: N rows, raw, tokenized or both.
            columns: text columns; those that the table has are split.
            labels: name of the column with the index of the right choice, if the table has it.

        """
        import pyarrow as pa  # noqa: PLC0415 - a card is read before anything heavy is imported
        import pyarrow.compute as pc  # noqa: PLC0415 - as above

        endings = endings_of(columns)
        known = bool(endings) and set(columns) <= set(table.column_names)
        counts = np.full(len(table), len(endings)) if known else _counts(table)
        owners = np.repeat(np.arange(len(table)), counts)
        places = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
        made = {name: _apart(table.column(name), owners) for name in table.column_names if name not in endings}
        if known:
            first, *start = (made.pop(name) for name in columns if name not in endings)
            # Arrow joins strings of one type only; a table may have several, as of a CSV file and of a list.
            kind = pa.large_string()
            chosen = pa.concat_arrays([table.column(name).cast(kind).combine_chunks() for name in endings])
            texts = chosen.take(pa.array(places * len(table) + owners))
            parts = (*(part.cast(kind) for part in start), texts, pa.scalar(" ", kind))
            made |= {CONTEXT: first, CHOICE: pc.binary_join_element_wise(*parts)}
        if labels in made and pa.types.is_integer(made[labels].type):
            made[labels] = pa.array((made[labels].to_numpy(zero_copy_only=False) == places).astype(np.int64))
        return pa.table(made)

    def collator(self, collator: Callable[[list[dict[str, Any]]], Any], choices: int) -> Any:
        """Return a collator of single choices: it passes each row to the given collator, ``choices`` times."""

        def of_single(features: list[dict[str, Any]]) -> Any:
            rows = [{name: _repeated(value, choices) for name, value in row.items()} for row in features]
            batch = collator(rows)
            for feature, row in zip(features, rows, strict=True):
                _pass_on_changes(feature, row, choices)
            return {
                name: value[:, 0] if getattr(value, "ndim", 0) >= _CHOICES else value for name, value in batch.items()
            }

        of_single.__module__ = getattr(collator, "__module__", None) or type(collator).__module__
        return of_single


_CHOICES = 3
"""Axes of [B, C, T]."""


def _counts(table: pa.Table) -> NDArray[np.int64]:
    """Return the number of choices of each row, by the first column of lists of lists, ``[N]``."""
    import pyarrow as pa  # noqa: PLC0415 - a card is read before anything heavy is imported
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    for column in table.columns:
        if pa.types.is_nested(column.type) and pa.types.is_nested(column.type.value_type):
            return np.asarray(pc.list_value_length(column).to_numpy(), dtype=np.int64)
    return np.ones(len(table), dtype=np.int64)


def _apart(column: pa.ChunkedArray, owners: NDArray[np.int64]) -> pa.Array:
    """Return a column of lists of lists as lists; repeat the values of any other column for each choice."""
    import pyarrow as pa  # noqa: PLC0415 - a card is read before anything heavy is imported

    values = column.combine_chunks()
    if pa.types.is_nested(values.type) and pa.types.is_nested(values.type.value_type):
        return values.flatten()
    return values.take(pa.array(owners))


def _pass_on_changes(feature: dict[str, Any], row: dict[str, Any], choices: int) -> None:
    """Change the lists of a choice's feature where a collator has changed those of the row that was made of it.

    A label that it took away is left: the collator of transformers' guide to multiple choice takes it from rows that
    the data set makes anew.
    """
    for name, value in feature.items():
        parts = row.get(name)
        changed = isinstance(parts, list) and (len(parts) != choices or any(part is not value for part in parts))
        if isinstance(value, list) and changed:
            feature[name] = parts


def _repeated(value: Any, times: int) -> Any:
    if isinstance(value, list):
        return [value] * times
    return value[None].repeat((times, *(1 for _ in value.shape))) if getattr(value, "ndim", 0) else value
