"""The rows of a user's Trainer: any map-style data set becomes a plain table, and back again."""

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


_TABLES: Mapping[str, Callable[[Any], Any]] = {
    "train_dataset": lambda trainer: trainer.train_dataset,
    "eval_dataset": judged_rows,
}


class TrainerRows:
    """The data sets of a user's Trainer as tables; see `pytest_ftcheck.pipeline.source.SourceRows`."""

    tokenized_here = False

    def __init__(self, trainer: Any, spec: str, timeout: float | None) -> None:
        """Store the arguments; nothing is read yet.

        Args:
            trainer: has the data sets.
            spec: of the factory that made it, for messages.
            timeout: seconds that reading a data set may take.

        """
        self._trainer = trainer
        self._spec = spec
        self._timeout = timeout
        self._tables: dict[str, tuple[Dataset, RowFormat]] = {}

    def table(self, name: str) -> Dataset:
        """Return a data set as plain lists: of several evaluation sets the judged one, of a stream the first rows.

        Raises:
            DataError: its rows do not form a table.
            TaskError: it is a stream without a row.

        """
        return self._read(name)[0]

    def _read(self, name: str) -> tuple[Dataset, RowFormat]:
        if name not in self._tables:
            with deadline(self._timeout):
                rows, row_format = plain_rows(_TABLES[name](self._trainer))
            if not len(rows):
                todo = f"Change what {self._spec} returns."
                msg = f"{self._spec}: {name} is empty: its stream ends without a row. {todo}"
                raise TaskError(msg)
            self._tables[name] = rows, row_format
        return self._tables[name]

    def count(self, name: str) -> int:
        """Return how many rows a table has, before any was left out."""
        return len(self.table(name))

    def is_streamed(self, name: str) -> bool:
        """Whether a data set is a stream."""
        return is_stream(_TABLES[name](self._trainer))

    def streams(self) -> dict[str, int]:
        """Return how many rows stand for each data set that is a stream."""
        return {name: self.count(name) for name in _TABLES if self.is_streamed(name)}

    def given(self, name: str, rows: Dataset) -> Any:
        """Return a data set as the Trainer has it, for its table; any other table as it is."""
        return _TABLES[name](self._trainer) if rows is self.table(name) else rows

    def formatted(self, rows: Dataset) -> Dataset:
        """Give rows the format in which the user's collator gets those of the evaluation."""
        return self._read("eval_dataset")[1].apply(rows)

    def replaced(self, pipeline: Pipeline) -> dict[str, Dataset]:
        """Return the data sets of a pipeline that take the place of the Trainer's, in the Trainer's format."""
        tables = {name: getattr(pipeline, name) for name in _TABLES}
        return {
            name: self._read(name)[1].apply(rows)
            for name, rows in tables.items()
            if rows is not self.table(name) or self.is_streamed(name)
        }

    def evaluation_collator(self, collator: Collator) -> Collator:
        """Return the collator of the Trainer's evaluation, which may not augment as that of its training does."""
        trainer = self._trainer
        evaluates_its_own_way = (
            isinstance(trainer, Trainer) and type(trainer).get_eval_dataloader is not Trainer.get_eval_dataloader
        )
        # One that took the place of the user's own is judged as it is.
        if not evaluates_its_own_way or collator is not trainer.data_collator:
            return collator
        found: Any = trainer.get_eval_dataloader().collate_fn
        # Columns that the model does not take are left out already.
        found = getattr(found, "data_collator", found)
        return cast("Collator", found)
