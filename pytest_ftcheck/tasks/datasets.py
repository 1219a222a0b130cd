"""Data sets: from the bundle, the Hub, a folder, a file or memory to one train and one evaluation split."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datasets import Dataset, DatasetDict, disable_progress_bars, enable_progress_bars, load_dataset
from datasets.utils import are_progress_bars_disabled

from pytest_ftcheck.columns import arrays, scalars
from pytest_ftcheck.errors import DataError
from pytest_ftcheck.paths import as_path, kind_of
from pytest_ftcheck.tasks.bundled import bundled_data
from pytest_ftcheck.tasks.files import EVAL_NAMES, TRAIN_NAMES, read_path
from pytest_ftcheck.tasks.hub import hub_access
from pytest_ftcheck.tasks.labels import encode_labels

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

    from pytest_ftcheck.tasks.card import TaskCard

SELECTION_SEED = 0
"""Seed of the shuffle before `max_train_rows` or `max_eval_rows`: the rows do not depend on the training seed."""


@dataclass(frozen=True)
class TaskData:
    """The rows of a task: text columns, the encoded label column, and the other columns of the source.

    The label column holds int64 class ids, or float32 values for regression.
    """

    train: Dataset
    evaluation: Dataset
    evaluation_split: str
    """Name of the evaluated split in the source."""
    source: str
    """Source of the rows, for headers and reports."""
    synthetic: bool
    """True if this project generated the rows: their metrics do not apply to the real task."""


def load_data(
    card: TaskCard,
    data: str | Path | Mapping[str, Dataset | pd.DataFrame],
    *,
    max_train_rows: int | None = None,
    max_eval_rows: int | None = None,
    online: bool = False,
) -> TaskData:
    """Load, validate and encode the data of a task.

    Args:
        card: names the columns and labels.
        data: ``bundled``, ``hub``, a folder or file, or splits in memory by name.
        max_train_rows: number of rows to keep of the train split, after a seeded shuffle.
        max_eval_rows: number of rows to keep of the evaluation split.
        online: allow a download from the Hub.

    Raises:
        DataError: an unknown source, split, column or label, or an empty split.

    """
    splits, source = _read(card, data, online=online)
    train = _pick(splits, TRAIN_NAMES, "train", source)
    evaluation = _pick(splits, EVAL_NAMES, "evaluation", source)
    with _no_progress_bars():
        return TaskData(
            train=_select(_prepare(card, splits[train], f"{train} split of {source}"), max_train_rows),
            evaluation=_select(_prepare(card, splits[evaluation], f"{evaluation} split of {source}"), max_eval_rows),
            evaluation_split=evaluation,
            source=source,
            synthetic=isinstance(data, str) and data == "bundled",
        )


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    """Disable the progress bar of `datasets`, and restore the setting afterwards."""
    disabled = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not disabled:
            enable_progress_bars()


def _read(
    card: TaskCard, data: str | Path | Mapping[str, Dataset | pd.DataFrame], *, online: bool
) -> tuple[dict[str, Dataset], str]:
    if isinstance(data, Mapping):
        return {name: _from_memory(name, split) for name, split in data.items()}, "memory"
    if data == "bundled":
        folder = bundled_data(card.name)
        if folder is None:
            msg = f"task {card.name!r} has no bundled data. Give --ftcheck-data=FOLDER, or data = … in its card."
            raise DataError(msg)
        return read_path(folder, card.text_columns), "bundled"
    if data == "hub":
        return _from_hub(card, online=online)
    return read_path(find_path(data), card.text_columns), str(data)


def find_path(data: str | Path) -> Path:
    """Return the folder or file that the user named.

    Raises:
        DataError: the path does not exist.

    """
    path = as_path(data)
    if kind_of(path) == "other":
        msg = f"data {str(data)!r} is a device or a pipe, which cannot be read more than once. Give a file or a folder."
        raise DataError(msg)
    if not kind_of(path):
        msg = (
            f"no data at {str(data)!r}: no such file or folder. Give bundled, hub, a folder with train and "
            "validation files (.jsonl, .json, .csv, .tsv, .parquet), a single such file, or a folder of save_to_disk."
        )
        raise DataError(msg)
    return path


def _from_memory(name: str, split: Dataset | pd.DataFrame) -> Dataset:
    if isinstance(split, Dataset):
        return split
    try:
        return Dataset.from_pandas(split, preserve_index=False)
    except (AttributeError, TypeError, ValueError) as error:
        msg = f"{name} split in memory: expected a datasets.Dataset or a pandas.DataFrame, got {type(split)} ({error})."
        raise DataError(msg) from error


def _from_hub(card: TaskCard, *, online: bool) -> tuple[dict[str, Dataset], str]:
    """Load the card's data set with `datasets.load_dataset`; offline only from the local cache."""
    hub = card.dataset
    if hub is None:
        msg = f"task {card.name!r} has no data set of the Hub. Add [dataset] to its card, or give --ftcheck-data."
        raise DataError(msg)
    label = f"{hub.path}/{hub.name}" if hub.name else hub.path
    try:
        with hub_access(online=online):
            loaded = load_dataset(hub.path, hub.name, revision=hub.revision)
    except Exception as error:
        todo = (
            "Check the connection and the card's [dataset]."
            if online
            else "Give --ftcheck-online to allow a download, or --ftcheck-data=FOLDER for local files."
        )
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        msg = f"cannot load {label!r} from the Hub: {reason}. {todo}"
        raise DataError(msg) from error
    if not isinstance(loaded, DatasetDict):
        msg = (
            f"{label!r} of the Hub was loaded as {type(loaded).__name__}, expected a datasets.DatasetDict. Give "
            "--ftcheck-data=FOLDER."
        )
        raise DataError(msg)
    return dict(loaded), f"hub {label}"


def _pick(splits: Mapping[str, Dataset], names: tuple[str, ...], kind: str, source: str) -> str:
    found = next((name for name in names if name in splits), None)
    if found is None:
        msg = (
            f"no {kind} split in {source}: found {', '.join(splits) or 'none'}, "
            f"expected one named {', '.join(names)}. Rename the file or split."
        )
        raise DataError(msg)
    return found


def _prepare(card: TaskCard, split: Dataset, where: str) -> Dataset:
    if len(split) == 0:
        msg = f"{where} is empty: 0 rows. Nothing can be learned or evaluated on it."
        raise DataError(msg)
    rules, labels = card.head_rules.answers, card.label_column
    if rules is not None and set(card.text_columns) <= set(split.column_names):
        split = rules.in_one_form(split, card.text_columns[-1], labels, where)
    missing = [column for column in (*card.text_columns, labels) if column not in split.column_names]
    if missing:
        msg = (
            f"{where} has no column {', '.join(map(repr, missing))}: its columns are {', '.join(split.column_names)}. "
            f"Rename the column, or change text_columns and label_column of task {card.name!r}."
        )
        raise DataError(msg)
    for column in card.text_columns:
        _check_text(card, split, column, where)
    if card.head_rules.leaves_out_empty:
        split = _with_text(split, card.text_columns[0], where)
    return encode_labels(card, split, where)


def _check_text(card: TaskCard, split: Dataset, column: str, where: str) -> None:
    inputs, start = card.head_rules.inputs, 0
    for array in arrays(split, column):
        right = inputs.holds(column, card.text_columns, array.type)
        if not right or array.null_count:
            row = array.is_valid().index(False).as_py() if right else 0
            todo = f"expected {inputs.column}. Remove or correct the row."
            msg = f"{where}, row {start + row}: {column} = {array[row].as_py()!r}, {todo}"
            raise DataError(msg)
        start += len(array)


def _with_text(split: Dataset, column: str, where: str) -> Dataset:
    """Remove the rows without any text, such as the empty lines of an article.

    Raises:
        DataError: no row has a text.

    """
    chosen = [row for row, text in enumerate(scalars(split, column)) if text.strip()]
    if not chosen:
        msg = f"{where}: {column} is empty in all {len(split)} rows. Nothing can be learned or evaluated on it."
        raise DataError(msg)
    return split if len(chosen) == len(split) else split.select(chosen, keep_in_memory=True)


def _select(split: Dataset, rows: int | None) -> Dataset:
    if rows is None or rows >= len(split):
        return split
    return split.shuffle(seed=SELECTION_SEED, keep_in_memory=True).select(range(rows), keep_in_memory=True)
