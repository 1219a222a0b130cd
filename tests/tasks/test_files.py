"""Data files of every kind are read as they are written, and refused with a reason."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
import pyarrow as pa
import pytest
from datasets import ClassLabel, Dataset, DatasetDict
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.tasks.files import _split, read_path

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = [{"text": f'row {i}, "quoted"\tor not', "label": i % 2} for i in range(10)]


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")


def write_json(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps(rows, indent=2), encoding="utf-8")


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    Dataset.from_list(rows).to_pandas().to_csv(path, index=False)


def write_tsv(path: Path, rows: list[dict[str, Any]]) -> None:
    lines = ["text\tlabel", *(f"{str(row['text']).replace(chr(9), ' ')}\t{row['label']}" for row in rows)]
    path.write_text("\n".join(lines), encoding="utf-8")


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    parquet.write_table(pa.Table.from_pylist(rows), path)


WRITERS: dict[str, Callable[[Path, list[dict[str, Any]]], None]] = {
    "jsonl": write_jsonl,
    "json": write_json,
    "csv": write_csv,
    "tsv": write_tsv,
    "parquet": write_parquet,
}


def read_text(path: Path, content: str, *text_columns: str) -> list[dict[str, Any]]:
    """Read a split ``train`` with this content."""
    path.write_text(content, encoding="utf-8")
    return list(read_path(path.parent, text_columns)["train"])


def message(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_path(path, ["text"])
    return str(caught.value)


@pytest.mark.parametrize("kind", WRITERS)
def test_folder_has_one_file_per_split(tmp_path: Path, kind: str) -> None:
    WRITERS[kind](tmp_path / f"train.{kind}", ROWS)
    WRITERS[kind](tmp_path / f"dev.{kind}", ROWS[:2])
    splits = read_path(tmp_path, ["text"])
    expected = [{**row, "text": str(row["text"]).replace("\t", " ")} if kind == "tsv" else row for row in ROWS]
    assert {name: split.to_list() for name, split in splits.items()} == {"train": expected, "dev": expected[:2]}


def test_json_may_hold_a_row_per_line(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "train.json", ROWS)
    assert read_path(tmp_path, ["text"])["train"].to_list() == ROWS


CSV_TEXTS = [
    ('"a ""b"", c"', 'a "b", c'),
    ('"two\nlines"', "two\nlines"),
    ("007", "007"),
    ("1.50", "1.50"),
    ("NA", "NA"),
    ("2020-01-01", "2020-01-01"),
    ("true", "true"),
]


@pytest.mark.parametrize(("field", "expected"), CSV_TEXTS)
def test_csv_text_is_read_as_it_stands(tmp_path: Path, field: str, expected: str) -> None:
    assert read_text(tmp_path / "train.csv", f"text,label\n{field},1\n", "text") == [{"text": expected, "label": 1}]


def test_csv_line_breaks_are_read_where_the_parser_cuts_its_blocks(tmp_path: Path) -> None:
    text = "two\nlines, " * 100_000  # pyarrow parses blocks of 1 MiB
    content = f'text,label\n"{text}",1\n"{text}",0\n'
    assert [len(row["text"]) for row in read_text(tmp_path / "train.csv", content, "text")] == [len(text)] * 2


@pytest.mark.parametrize("field", ['"', 'say "hi', '"open', 'a "b" c', "5'11\""])
def test_tsv_takes_quotation_marks_as_characters(tmp_path: Path, field: str) -> None:
    content = f"text\tlabel\n{field}\t1\nnext\t0\n"
    assert read_text(tmp_path / "train.tsv", content, "text") == [
        {"text": field, "label": 1},
        {"text": "next", "label": 0},
    ]


def test_shards_are_put_together_in_order(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train-00001-of-00002.parquet", ROWS[4:])
    write_parquet(tmp_path / "train-00000-of-00002.parquet", ROWS[:4])
    assert read_path(tmp_path, ["text"])["train"].to_list() == ROWS


def test_shards_may_read_a_number_differently(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "train-00000-of-00002.jsonl", [{"text": "a", "label": 1}])
    write_jsonl(tmp_path / "train-00001-of-00002.jsonl", [{"text": "b", "label": 2.5}])
    assert list(read_path(tmp_path, ["text"])["train"]["label"]) == [1.0, 2.5]


def test_shards_that_do_not_fit_are_explained(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "train-00000-of-00002.jsonl", [{"text": "a", "label": 1}])
    write_jsonl(tmp_path / "train-00001-of-00002.jsonl", [{"text": "b", "label": "good"}])
    assert message(tmp_path).startswith("the files of split train have different columns: ")


def test_missing_shard_is_explained(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "train-00000-of-00002.jsonl", ROWS)
    assert message(tmp_path) == f"train split has 1 of 2 files in {tmp_path}. Download the others."


def test_split_that_is_there_twice_is_explained(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "train.jsonl", ROWS)
    write_csv(tmp_path / "train.csv", ROWS)
    assert message(tmp_path) == "there are several files for split train: train.csv, train.jsonl. Keep one of them."


def test_dataset_dict_of_save_to_disk_keeps_its_features(tmp_path: Path) -> None:
    rows = Dataset.from_list(ROWS).cast_column("label", ClassLabel(names=["bad", "good"]))
    DatasetDict(train=rows, test=rows.select([0])).save_to_disk(tmp_path)
    splits = read_path(tmp_path, ["text"])
    assert {name: len(split) for name, split in splits.items()} == {"train": 10, "test": 1}
    assert splits["train"].features["label"].names == ["bad", "good"]


def test_one_split_of_save_to_disk_is_explained(tmp_path: Path) -> None:
    Dataset.from_list(ROWS).save_to_disk(tmp_path)
    assert message(tmp_path) == (
        f"no data file in {tmp_path}: expected files train and validation with suffix .jsonl, .json, .csv, .tsv, "
        ".parquet. It is one split of save_to_disk: give the parent folder."
    )


def test_damaged_folder_of_save_to_disk_is_explained(tmp_path: Path) -> None:
    (tmp_path / "dataset_dict.json").write_text("{", encoding="utf-8")
    assert message(tmp_path).startswith(f"cannot read {tmp_path} as a folder of save_to_disk: ")


def test_folder_without_data_is_explained(tmp_path: Path) -> None:
    (tmp_path / "README.md").touch()
    assert message(tmp_path).endswith(
        "expected files train and validation with suffix .jsonl, .json, .csv, .tsv, .parquet."
    )


UNREADABLE = [
    ("rows.jsonl", b'{"text": ', ".jsonl file, with one row per line."),
    ("rows.json", b"[1, 2]", ".json file, with one row per line or one array of rows."),
    ("rows.json", b'[{"text": ', ".json file, with one row per line or one array of rows."),
    ("rows.csv", b"text,label\na,1,extra\n", ".csv file, with one row per line."),
    ("rows.csv", b"text,label\n\xff\xfe,1\n", ".csv file, with one row per line."),
    ("rows.tsv", b"text\tlabel\na\n", ".tsv file, with one row per line."),
    ("rows.parquet", b"PAR1 and then nothing", ".parquet file."),
]


@pytest.mark.parametrize(("name", "content", "end"), UNREADABLE)
def test_unreadable_file_is_explained(tmp_path: Path, name: str, content: bytes, end: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    text = message(path)
    assert text.startswith(f"cannot read {path}: ")
    assert text.endswith(f"Check that it is a valid {end}")


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "zip": lambda text: b"PK\x03\x04" + text,
}


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_compressed_file_is_called_so(tmp_path: Path, kind: str, suffix: str) -> None:
    path = tmp_path / f"rows{suffix}"
    path.write_bytes(PACKED[kind](b"text,label\nfine,1\n"))
    expected = f"{path} is compressed ({kind}), expected a {suffix} file. Unpack the file, and give its content."
    assert message(path) == expected


@pytest.mark.parametrize(("suffix", "tab"), [(".csv", ","), (".tsv", "\t")])
def test_columns_of_one_name_are_explained(tmp_path: Path, suffix: str, tab: str) -> None:
    path = tmp_path / f"rows{suffix}"
    path.write_text("\n".join(tab.join(row) for row in (["text", "label", "text"], ["a", "1", "b"])), encoding="utf-8")
    assert message(path) == f"{path} has more than one column 'text': its columns are text, label, text. Rename one."


def test_other_kinds_of_file_are_explained(tmp_path: Path) -> None:
    path = tmp_path / "rows.xlsx"
    path.write_bytes(b"PK")
    expected = f"{path}: unknown file type '.xlsx', expected one of .jsonl, .json, .csv, .tsv, .parquet."
    assert message(path) == expected


@pytest.mark.parametrize("rows", [0, 1])
def test_single_file_with_too_few_rows_is_explained(tmp_path: Path, rows: int) -> None:
    write_jsonl(tmp_path / "all.jsonl", ROWS[:rows])
    assert message(tmp_path / "all.jsonl") == (
        f"{tmp_path / 'all.jsonl'} has too few rows to split: {rows}. Give more rows, "
        "or a folder with train and validation."
    )


@settings(max_examples=25)
@given(count=st.integers(2, 60))
def test_single_file_is_split_80_to_20_the_same_every_time(count: int) -> None:
    rows = Dataset.from_dict({"row": list(range(count))})
    first, second = ({name: list(part["row"]) for name, part in _split(Path("x"), rows).items()} for _ in range(2))
    assert first == second
    assert sorted(first["train"] + first["validation"]) == list(range(count))
    assert len(first["validation"]) == -(-count // 5)


def test_nothing_is_written_beside_the_data_or_into_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache)
    folder = tmp_path / "data"
    folder.mkdir()
    write_csv(folder / "rows.csv", ROWS)
    read_path(folder / "rows.csv", ["text"])
    assert [path.name for path in folder.iterdir()] == ["rows.csv"]
    assert not cache.exists()


def test_files_that_are_no_split_are_left_alone(tmp_path: Path) -> None:
    for name in ("train", "validation"):
        (tmp_path / f"{name}.jsonl").write_text('{"text": "a", "label": 1}\n')
    (tmp_path / "label_map.json").write_text("{broken")
    assert sorted(read_path(tmp_path, ["text"])) == ["train", "validation"]
