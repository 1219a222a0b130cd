"""The rows of a user's Trainer: any map-style data set becomes a plain table, and back again."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import torch
from datasets import Dataset
from torch.utils.data import IterableDataset as TorchIterable

from pytest_ftcheck.columns import BATCH
from pytest_ftcheck.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAMED = 10_000
"""Rows at the beginning of a stream that stand for it."""


@dataclass(frozen=True)
class RowFormat:
    """How the user's collator gets its rows."""

    type: str | None = None
    """As `datasets.Dataset.with_format` takes it."""
    columns: tuple[str, ...] | None = None

    def apply(self, rows: Dataset) -> Dataset:
        """Give a plain table this format."""
        if self.type is None and self.columns is None:
            return rows
        columns = None if self.columns is None else [name for name in self.columns if name in rows.column_names]
        return rows.with_format(self.type, columns=columns)


def judged_set(trainer: Any) -> str | None:
    """Name the evaluation set that is judged: of several, that of ``metric_for_best_model``, else the first.

    Returns:
        None where there is one set, without a name.

    """
    sets, best = trainer.eval_dataset, str(trainer.args.metric_for_best_model or "").removeprefix("eval_")
    if not isinstance(sets, dict) or not sets:
        return None
    names = [str(name) for name in sets]
    return max((name for name in names if best.startswith(f"{name}_")), key=len, default=names[0])


def unjudged_sets(trainer: Any) -> tuple[str, ...]:
    """Name the evaluation sets that are not judged, because another one is."""
    judged = judged_set(trainer)
    return () if judged is None else tuple(str(name) for name in trainer.eval_dataset if str(name) != judged)


def judged_rows(trainer: Any) -> Any:
    """Return the evaluation set that is judged; None where there is none."""
    name, rows = judged_set(trainer), trainer.eval_dataset
    if name is not None:
        return rows[name]
    return None if isinstance(rows, dict) else rows


def best_metric(trainer: Any) -> str:
    """Return ``metric_for_best_model`` as ``compute_metrics`` calls it: without ``eval_`` and the name of the set."""
    best = str(trainer.args.metric_for_best_model or "").removeprefix("eval_")
    return best.removeprefix(f"{judged_set(trainer)}_")


def is_stream(rows: Any) -> bool:
    """Tell whether rows can be neither counted nor looked up: iterable and streaming data sets."""
    return isinstance(rows, TorchIterable) or not (hasattr(rows, "__len__") and hasattr(rows, "__getitem__"))


def plain_rows(rows: Any) -> tuple[Dataset, RowFormat]:
    """Return a data set as a table of plain values, and the format that it had; of a stream, its first rows.

    Args:
        rows: a `datasets.Dataset`, or any data set of torch whose rows are mappings; a stream gives its first
            `STREAMED` rows.

    Raises:
        DataError: a row is not a mapping, cannot be read, or has something that no table can hold.

    """
    if isinstance(rows, Dataset) and rows.format["type"] != "custom":
        given = rows.format
        columns = None if set(given["columns"]) == set(rows.column_names) else tuple(given["columns"])
        return rows.with_format(None), RowFormat(given["type"], columns)
    tensors, tables, kind = False, [], type(rows).__name__
    examples = islice(rows, STREAMED) if is_stream(rows) else (rows[index] for index in range(len(rows)))
    while batch := [_mapping(row, kind) for row in islice(examples, BATCH)]:
        tensors = tensors or any(isinstance(value, torch.Tensor) for value in batch[0].values())
        with _forming(kind):
            plain = [{key: _plain(value) for key, value in row.items()} for row in batch]
            tables.append(Dataset.from_list(plain).data.table)
    with _forming(kind):
        # A batch in which a column has no value at all takes its type from the others.
        table = Dataset(pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({}))
    return table, RowFormat("torch" if tensors else None)


@contextmanager
def _forming(kind: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, OverflowError, pa.ArrowException) as error:
        msg = f"the rows of {kind} do not form a table: {error}. Give every row the same columns."
        raise DataError(msg) from error


def _mapping(row: Any, kind: str) -> Mapping[Any, Any]:
    if not isinstance(row, Mapping):
        msg = f"a row of {kind} is a {type(row).__name__}, expected a mapping such as {{'input_ids': …, 'labels': …}}."
        raise DataError(msg)
    return row


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value
