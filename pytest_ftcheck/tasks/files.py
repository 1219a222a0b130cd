"""Data files: JSON lines, CSV, TSV, Parquet and folders of `save_to_disk`, read into memory.

pyarrow reads them directly: `datasets.load_dataset` would write a copy into the user's cache.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from json import loads
from typing import TYPE_CHECKING

import pyarrow as pa
from datasets import Dataset, load_from_disk
from pyarrow import csv, json, parquet

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.paths import kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
_OF_TEXT = (".jsonl", ".json", ".csv", ".tsv")
SPLIT_SEED = 0
SPLIT_SHARE = 0.2
"""Fraction of rows in the evaluation split if a single file has all rows."""

TRAIN_NAMES = ("train", "training")
EVAL_NAMES = ("validation", "dev", "valid", "val", "eval", "test")
"""Names of evaluation splits by priority: ``test`` only if there is no other."""

_PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
"""First bytes of compressed files."""
_SHARD = re.compile(r"-\d+-of-(\d+)$")
_TEXT, _BRACKET = re.compile(rb'"(?:\\.|[^"\\])*"'), re.compile(rb"[\[\]{}]")
_DEEPEST = 200
_NOT_ROWS = ("dataset_info.json", "state.json")  # of save_to_disk


def read_path(path: Path, text_columns: Sequence[str]) -> dict[str, Dataset]:
    """Read every split in a folder or file.

    A folder contains one file per split (``train.jsonl``), or Hub shards (``train-00000-of-00002.parquet``), or is the
    output of `save_to_disk`. A single file is split 80 to 20 with a fixed seed.

    Args:
        path: an existing folder or file.
        text_columns: columns that are read as strings even if all their values are numbers.

    Returns:
        The splits by name.

    Raises:
        DataError: there is no file of a known type, or a file cannot be parsed.

    """
    if path.is_file():
        return _split(path, Dataset(_read_file(path, text_columns)))
    if (path / "dataset_dict.json").is_file():
        return dict(_from_disk(path))
    files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES and file.name not in _NOT_ROWS)
    if not files:
        hint = " It is one split of save_to_disk: give the parent folder." if (path / "state.json").is_file() else ""
        msg = f"no data file in {path}: expected files train and validation with suffix {', '.join(SUFFIXES)}.{hint}"
        raise DataError(msg)
    shards: dict[str, list[Path]] = {}
    for file in files:
        shards.setdefault(_SHARD.sub("", file.stem), []).append(file)
    # The folder may have other files (label_map.json); if no split is known, the message names them.
    splits = {name: parts for name, parts in shards.items() if name in (*TRAIN_NAMES, *EVAL_NAMES)} or shards
    return {name: Dataset(_read_shards(name, parts, text_columns)) for name, parts in splits.items()}


def _split(path: Path, rows: Dataset) -> dict[str, Dataset]:
    if len(rows) < 2:  # one to train on, one to evaluate
        msg = f"{path} has too few rows to split: {len(rows)}. Give more rows, or a folder with train and validation."
        raise DataError(msg)
    parts = rows.train_test_split(test_size=SPLIT_SHARE, seed=SPLIT_SEED, keep_in_memory=True)
    return {"train": parts["train"], "validation": parts["test"]}


def _read_shards(name: str, files: Sequence[Path], text_columns: Sequence[str]) -> pa.Table:
    found = [match for file in files if (match := _SHARD.search(file.stem))]
    if len(files) > 1 and len(found) < len(files):
        msg = f"there are several files for split {name}: {', '.join(file.name for file in files)}. Keep one of them."
        raise DataError(msg)
    if found and len(files) != int(found[0][1]):
        msg = f"{name} split has {len(files)} of {int(found[0][1])} files in {files[0].parent}. Download the others."
        raise DataError(msg)
    try:
        # A shard in which all numbers are whole is read as integers, so that the types of a column may differ.
        return pa.concat_tables([_read_file(file, text_columns) for file in files], promote_options="permissive")
    except pa.ArrowException as error:
        msg = f"the files of split {name} have different columns: {error}. Give them the same columns and types."
        raise DataError(msg) from error


def _from_disk(path: Path) -> dict[str, Dataset]:
    try:
        return dict(load_from_disk(str(path), keep_in_memory=True))
    except Exception as error:  # damaged folders raise many types of errors, all with the same advice
        msg = f"cannot read {path} as a folder of save_to_disk: {error}. Save it again."
        raise DataError(msg) from error


def _check_lines(path: Path) -> None:
    """Refuse lines that crash pyarrow, or whose errors it reports only when the rows are used.

    Raises:
        ValueError: the first line is not an object, a line is nested too deep, or a line is not UTF-8.

    """
    begun = False
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            text = line.removeprefix(codecs.BOM_UTF8).strip()
            if text and not begun and not text.startswith(b"{"):
                msg = f"line {number} is not a JSON object: {text[:40].decode(errors='replace')}"
                raise ValueError(msg)
            begun = begun or bool(text)
            if text.count(b"[") + text.count(b"{") > _DEEPEST and _depth(text) > _DEEPEST:
                msg = f"line {number} is nested too deep"
                raise ValueError(msg)
            try:
                line.decode()
            except UnicodeDecodeError as error:
                msg = (
                    f"line {number} is not UTF-8: {error.reason}, {line[error.start]:#04x} in column {error.start + 1}"
                )
                raise ValueError(msg) from error


def _depth(text: bytes) -> int:
    """Return the nesting depth of a line of JSON; brackets inside strings do not count."""
    deepest = depth = 0
    for bracket in _BRACKET.findall(_TEXT.sub(b"", text)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _read_file(path: Path, text_columns: Sequence[str]) -> pa.Table:
    if kind_of(path) != "file":
        msg = f"{path} is not a regular file. Give a file, or a folder of files."
        raise DataError(msg)
    if path.suffix in _OF_TEXT:
        _check_packed(path)
    try:
        table = pa.table({}) if path.stat().st_size == 0 else _parsed(path, text_columns)
        table.schema.names  # noqa: B018 - names are decoded when they are asked for
    except (pa.ArrowException, OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        rows = "" if path.suffix == ".parquet" else ", with one row per line"
        rows += " or one array of rows" if path.suffix == ".json" else ""
        msg = f"cannot read {path}: {error}. Check that it is a valid {path.suffix} file{rows}."
        raise DataError(msg) from error
    names = table.schema.names
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        msg = (
            f"{path} has more than one column {', '.join(map(repr, twice))}: its columns are {', '.join(names)}. "
            "Rename one."
        )
        raise DataError(msg)
    return table


def _check_packed(path: Path) -> None:
    """Refuse a compressed file with the suffix of another type: pyarrow finds no rows or no text in it.

    Raises:
        DataError: the file is compressed.

    """
    try:
        with path.open("rb") as file:
            begin = file.read(max(map(len, _PACKED)))
    except OSError:
        return  # the reader of the whole file reports the error
    kind = next((kind for mark, kind in _PACKED.items() if begin.startswith(mark)), "")
    if kind:
        msg = f"{path} is compressed ({kind}), expected a {path.suffix} file. Unpack the file, and give its content."
        raise DataError(msg)


def _parsed(path: Path, text_columns: Sequence[str]) -> pa.Table:
    as_text = csv.ConvertOptions(column_types=dict.fromkeys(text_columns, pa.string()))
    match path.suffix:
        case ".json" if path.read_bytes().lstrip().startswith(b"["):
            return pa.Table.from_pylist(loads(path.read_bytes()))
        case ".jsonl" | ".json":
            _check_lines(path)
            return json.read_json(path)
        case ".csv":
            return csv.read_csv(path, parse_options=csv.ParseOptions(newlines_in_values=True), convert_options=as_text)
        case ".tsv":
            # As in GLUE's own files: a tab ends a field, and a quotation mark has no special meaning.
            return csv.read_csv(
                path, parse_options=csv.ParseOptions(delimiter="\t", quote_char=False), convert_options=as_text
            )
        case ".parquet":
            return parquet.read_table(path)
        case suffix:
            msg = f"{path}: unknown file type {suffix!r}, expected one of {', '.join(SUFFIXES)}."
            raise DataError(msg)
