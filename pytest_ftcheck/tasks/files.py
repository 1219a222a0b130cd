"""Data files: JSON lines, CSV, TSV, Parquet and folders of `save_to_disk`, read into memory.

pyarrow reads them directly: `datasets.load_dataset` would write a copy into the user's cache.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa
from datasets import Dataset, load_from_disk
from pyarrow import csv, json, parquet

from pytest_ftcheck.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
SPLIT_SEED = 0
SPLIT_SHARE = 0.2
"""Share of the evaluation split where a single file holds all rows."""

_SHARD = re.compile(r"-\d+-of-\d+$")


def read_path(path: Path, text_columns: Sequence[str]) -> dict[str, Dataset]:
    """Read every split that a folder or file holds.

    A folder holds one file per split (``train.jsonl``), or Hub shards (``train-00000-of-00002.parquet``),
    or is the output of `save_to_disk`. A single file is split 80 to 20 with a fixed seed.

    Args:
        path: an existing folder or file.
        text_columns: read as text even where every value looks like a number.

    Returns:
        The splits by name.

    Raises:
        DataError: no file of a known kind, or one that cannot be parsed.

    """
    if path.is_file():
        parts = Dataset(_read_file(path, text_columns)).train_test_split(
            test_size=SPLIT_SHARE, seed=SPLIT_SEED, keep_in_memory=True
        )
        return {"train": parts["train"], "validation": parts["test"]}
    if (path / "dataset_dict.json").is_file():
        return dict(_from_disk(path))
    files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES and file.name != "dataset_info.json")
    if not files:
        hint = " It holds one split of save_to_disk: give the folder above." if (path / "state.json").is_file() else ""
        msg = f"no data file in {path}: expected train and validation as {', '.join(SUFFIXES)}.{hint}"
        raise DataError(msg)
    tables: dict[str, list[pa.Table]] = {}
    for file in files:
        tables.setdefault(_SHARD.sub("", file.stem), []).append(_read_file(file, text_columns))
    return {name: Dataset(pa.concat_tables(parts)) for name, parts in tables.items()}


def _from_disk(path: Path) -> dict[str, Dataset]:
    try:
        return dict(load_from_disk(str(path), keep_in_memory=True))
    except Exception as error:  # damaged folders fail in many ways, all of them the user's to mend
        msg = f"cannot read {path} as a folder of save_to_disk: {error}. Save it again."
        raise DataError(msg) from error


def _read_file(path: Path, text_columns: Sequence[str]) -> pa.Table:
    as_text = csv.ConvertOptions(column_types=dict.fromkeys(text_columns, pa.string()))
    try:
        if path.stat().st_size == 0:
            return pa.table({})
        match path.suffix:
            case ".jsonl" | ".json":
                return json.read_json(path)
            case ".csv":
                return csv.read_csv(
                    path, parse_options=csv.ParseOptions(newlines_in_values=True), convert_options=as_text
                )
            case ".tsv":
                # As GLUE's own files: a tab ends a field, and a quotation mark is a character like any other.
                return csv.read_csv(
                    path, parse_options=csv.ParseOptions(delimiter="\t", quote_char=False), convert_options=as_text
                )
            case ".parquet":
                return parquet.read_table(path)
            case suffix:
                msg = f"{path}: unknown kind of file {suffix!r}, expected one of {', '.join(SUFFIXES)}."
                raise DataError(msg)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        msg = f"cannot read {path}: {error}. Check that it is a valid {path.suffix} file, with one row per line."
        raise DataError(msg) from error
