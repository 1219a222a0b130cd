"""The rows of a user's Trainer: converts any map-style data set to a plain table and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import torch
from datasets import Dataset
from torch.utils.data import IterableDataset as TorchIterable
from transformers import Trainer

from pytest_ftcheck.columns import BATCH
from pytest_ftcheck.deadline import deadline
from pytest_ftcheck.errors import DataError, TaskError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.pipeline.source import Collator

STREAMED = 10_000
"""Number of first rows that represent a stream."""


@dataclass(frozen=True)
class RowFormat:
    """The format in which the user's collator gets rows."""

    type: str | None = None
    """An argument of `datasets.Dataset.with_format`."""
    columns: tuple[str, ...] | None = None

    def apply(self, rows: Dataset) -> Dataset:
        """Give a plain table this format."""
        if self.type is None and self.columns is None:
            return rows
        columns = None if self.columns is None else [name for name in self.columns if name in rows.column_names]
        return rows.with_format(self.type, columns=columns)


def judged_set(trainer: Any) -> str | None:
    """Return the name of the judged evaluation set: of several, that of ``metric_for_best_model``, else the first.

    Returns:
        None where there is one set, without a name.

    """
    sets, best = trainer.eval_dataset, str(trainer.args.metric_for_best_model or "").removeprefix("eval_")
    if not isinstance(sets, dict) or not sets:
        return None
    names = [str(name) for name in sets]
    return max((name for name in names if best.startswith(f"{name}_")), key=len, default=names[0])


def unjudged_sets(trainer: Any) -> tuple[str, ...]:
    """Return the names of the evaluation sets that are not judged."""
    judged = judged_set(trainer)
    return () if judged is None else tuple(str(name) for name in trainer.eval_dataset if str(name) != judged)


def judged_rows(trainer: Any) -> Any:
    """Return the evaluation set that is judged; None where there is none."""
    name, rows = judged_set(trainer), trainer.eval_dataset
    if name is not None:
        return rows[name]
    return None if isinstance(rows, dict) else rows


def best_metric(trainer: Any) -> str:
    """Return ``metric_for_best_model`` as a key of ``compute_metrics``: without ``eval_`` and the name of the set."""
    best = str(trainer.args.metric_for_best_model or "").removeprefix("eval_")
    return best.removeprefix(f"{judged_set(trainer)}_")


def is_stream(rows: Any) -> bool:
    """Whether rows have neither a length nor an index: iterable and streaming data sets."""
    return isinstance(rows, TorchIterable) or not (hasattr(rows, "__len__") and hasattr(rows, "__getitem__"))


def plain_rows(rows: Any) -> tuple[Dataset, RowFormat]:
    """Return a data set as a table of plain values, and the data set's format; of a stream, its first rows.

    Args:
        rows: a `datasets.Dataset`, or any data set of torch whose rows are mappings; a stream gives its first
            `STREAMED` rows.

    Raises:
        DataError: a row is not a mapping, cannot be read, or has a value that a table cannot hold.

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
        # If a column has no value in a batch, its type comes from the other batches.
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


_TABLES: Mapping[str, Callable[[Any], Any]] = {
    "train_dataset": lambda trainer: trainer.train_dataset,
    "eval_dataset": judged_rows,
}


class TrainerRows:
    """The data sets of a user's Trainer as tables; see `pytest_ftcheck.pipeline.source.SourceRows`."""

    tokenized_here = False

    def __init__(self, trainer: Any, spec: str, timeout: float | None) -> None:
        """Store the arguments without reading any row.

        Args:
            trainer: the Trainer with the data sets.
            spec: name of the factory that made the Trainer, for messages.
            timeout: time limit in seconds for reading a data set.

        """
        self._trainer = trainer
        self._spec = spec
        self._timeout = timeout
        self._tables: dict[str, tuple[Dataset, RowFormat]] = {}

    def table(self, name: str) -> Dataset:
        """Return a data set as a table: of several evaluation sets the judged one, of a stream the first rows.

        Raises:
            DataError: its rows do not form a table.
            TaskError: the data set is a stream without rows.

        """
        return self._read(name)[0]

    def _read(self, name: str) -> tuple[Dataset, RowFormat]:
        if name not in self._tables:
            with deadline(self._timeout):
                rows, row_format = plain_rows(_TABLES[name](self._trainer))
            if not len(rows):
                todo = f"Change what {self._spec} returns."
                msg = f"{self._spec}: {name} is empty: the stream has no rows. {todo}"
                raise TaskError(msg)
            self._tables[name] = rows, row_format
        return self._tables[name]

    def count(self, name: str) -> int:
        """Return the number of rows of a data set before any were removed."""
        return len(self.table(name))

    def is_streamed(self, name: str) -> bool:
        """Whether a data set is a stream."""
        return is_stream(_TABLES[name](self._trainer))

    def streams(self) -> dict[str, int]:
        """Return for each stream the number of rows that represent it."""
        return {name: self.count(name) for name in _TABLES if self.is_streamed(name)}

    def given(self, name: str, rows: Dataset) -> Any:
        """Return the Trainer's data set from which the table was made; any other table unchanged."""
        return _TABLES[name](self._trainer) if rows is self.table(name) else rows

    def formatted(self, rows: Dataset) -> Dataset:
        """Give rows the format of the evaluation rows, which the user's collator expects."""
        return self._read("eval_dataset")[1].apply(rows)

    def replaced(self, pipeline: Pipeline) -> dict[str, Dataset]:
        """Return the data sets of a pipeline that replace the Trainer's, in the Trainer's format."""
        tables = {name: getattr(pipeline, name) for name in _TABLES}
        return {
            name: self._read(name)[1].apply(rows)
            for name, rows in tables.items()
            if rows is not self.table(name) or self.is_streamed(name)
        }

    def evaluation_collator(self, collator: Collator) -> Collator:
        """Return the collator of the Trainer's evaluation, which may lack the train collator's augmentation."""
        trainer = self._trainer
        evaluates_its_own_way = (
            isinstance(trainer, Trainer) and type(trainer).get_eval_dataloader is not Trainer.get_eval_dataloader
        )
        # A collator that replaced the user's is returned unchanged.
        if not evaluates_its_own_way or collator is not trainer.data_collator:
            return collator
        found: Any = trainer.get_eval_dataloader().collate_fn
        # The columns that the model does not accept are removed already.
        found = getattr(found, "data_collator", found)
        return cast("Collator", found)
