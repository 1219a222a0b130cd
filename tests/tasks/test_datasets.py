"""From a source to one train and one evaluation split: found, checked, encoded, and cut to size."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import datasets
import pandas as pd
import pytest
from datasets import Dataset, DatasetDict
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.tasks.card import MetricSpec, TaskCard
from pytest_ftcheck.tasks.datasets import TaskData, _select, load_data
from pytest_ftcheck.tasks.files import EVAL_NAMES

if TYPE_CHECKING:
    from pathlib import Path

CARD = TaskCard(
    name="reviews",
    head="sequence-classification",
    text_columns=("text",),
    label_column="label",
    label_names=("bad", "good"),
    metric=MetricSpec("accuracy", None, {"accuracy": True}),
    recipes={},
)
ROWS = [{"text": f"row {i}", "label": i % 2, "idx": i} for i in range(10)]
SPLIT = Dataset.from_list(ROWS)


def in_memory(rows: Any = SPLIT, **splits: Any) -> TaskData:
    return load_data(CARD, {"train": rows, "validation": SPLIT} | splits)


def message(data: Any) -> str:
    with pytest.raises(DataError) as caught:
        load_data(CARD, data)
    return str(caught.value)


def texts(split: Dataset) -> list[str]:
    return list(split["text"])


def test_splits_in_memory_keep_rows_order_and_columns() -> None:
    data = in_memory()
    assert data.train.to_list() == ROWS
    assert (data.source, data.synthetic, data.evaluation_split) == ("memory", False, "validation")


@pytest.mark.parametrize(
    "labels", [[1, 0], ["good", "bad"], pd.Categorical(["good", "bad"])], ids=["int", "str", "cat"]
)
def test_data_frames_are_splits_too(labels: Any) -> None:
    frame = pd.DataFrame({"text": ["a", "b"], "label": labels}, index=[7, 9])
    assert in_memory(frame).train.to_list() == [{"text": "a", "label": 1}, {"text": "b", "label": 0}]


def test_dataset_dict_is_a_mapping_of_splits() -> None:
    data = load_data(CARD, DatasetDict(train=SPLIT.select([3]), dev=SPLIT))
    assert (texts(data.train), data.evaluation_split) == (["row 3"], "dev")


def test_rows_that_were_selected_before_stay_selected() -> None:
    assert texts(in_memory(SPLIT.select([4, 2])).train) == ["row 4", "row 2"]


def test_anything_else_in_memory_is_explained() -> None:
    assert message({"train": ROWS, "dev": SPLIT}).startswith(
        "train split in memory: expected a datasets.Dataset or a pandas.DataFrame, got <class 'list'>"
    )


@pytest.mark.parametrize("name", ["validation", "dev", "valid", "val", "eval", "test"])
def test_evaluation_split_has_many_names(name: str) -> None:
    assert load_data(CARD, {"training": SPLIT, name: SPLIT}).evaluation_split == name


def test_test_split_is_the_last_resort() -> None:
    for kept in range(len(EVAL_NAMES)):
        names = EVAL_NAMES[kept:]
        splits = {"train": SPLIT} | dict.fromkeys(reversed(names), SPLIT)
        assert load_data(CARD, splits).evaluation_split == names[0]
    assert EVAL_NAMES[-1] == "test"


MISSING_SPLITS: list[tuple[dict[str, Dataset], str]] = [
    ({}, "no train split in memory: found none, expected one named train, training. Rename the file or split."),
    ({"dev": SPLIT}, "no train split in memory: found dev, expected one named train, training. Rename the file"),
    (
        {"train": SPLIT, "holdout": SPLIT},
        "no evaluation split in memory: found train, holdout, expected one named validation, dev, valid, val,",
    ),
]


@pytest.mark.parametrize(("splits", "expected"), MISSING_SPLITS)
def test_missing_split_is_explained(splits: dict[str, Dataset], expected: str) -> None:
    assert message(splits).startswith(expected)


def test_missing_columns_are_explained() -> None:
    assert message({"train": Dataset.from_dict({"txt": ["a"], "y": [1]}), "dev": SPLIT}) == (
        "train split of memory has no column 'text', 'label': its columns are txt, y. "
        "Rename the column, or change text_columns and label_column of task 'reviews'."
    )


EMPTY = [
    SPLIT.select([]),
    Dataset.from_dict({}),
    pd.DataFrame({"text": [], "label": []}),
]


@pytest.mark.parametrize("empty", EMPTY, ids=["rows", "columns", "frame"])
def test_empty_split_is_explained(empty: Any) -> None:
    expected = "split of memory is empty: 0 rows. Nothing can be learned or evaluated on it."
    assert message({"train": empty, "dev": SPLIT}) == f"train {expected}"
    assert message({"train": SPLIT, "dev": empty}) == f"dev {expected}"


@pytest.mark.parametrize("content", ["", "\n"])
def test_empty_file_is_explained(tmp_path: Path, content: str) -> None:
    (tmp_path / "train.jsonl").write_text(content, encoding="utf-8")
    (tmp_path / "validation.jsonl").write_text(json.dumps(ROWS[0]), encoding="utf-8")
    assert message(tmp_path) == (
        f"train split of {tmp_path} is empty: 0 rows. Nothing can be learned or evaluated on it."
    )


@pytest.mark.parametrize("text", [None, 3, ["a", "b"]])
def test_text_that_is_no_text_is_explained(text: object) -> None:
    rows = Dataset.from_dict({"text": [text], "label": [1]})
    assert message({"train": rows, "dev": SPLIT}) == (
        f"train split of memory, row 0: text = {text!r}, expected a string. Remove or correct the row."
    )


def test_missing_text_of_a_data_frame_is_explained() -> None:
    frame = pd.DataFrame({"text": ["a", float("nan")], "label": [1, 0]})
    assert "train split of memory, row 1: text = None, expected a string." in message({"train": frame, "dev": SPLIT})


def test_label_of_the_evaluation_split_is_checked_too() -> None:
    hidden = Dataset.from_dict({"text": ["a"], "label": [-1]})
    assert message({"train": SPLIT, "test": hidden}).startswith("test split of memory, row 0: label -1 is not one of")


def test_no_such_path_is_explained() -> None:
    assert message("./nowhere") == (
        "no data at './nowhere': no such file or folder. Give bundled, hub, a folder with train and validation files "
        "(.jsonl, .json, .csv, .tsv, .parquet), a single such file, or a folder of save_to_disk."
    )


def test_task_without_bundled_data_is_explained() -> None:
    assert message("bundled") == (
        "task 'reviews' has no bundled data. Give --ftcheck-data=FOLDER, or data = … in its card."
    )


def test_path_is_the_source_and_home_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "all.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS), encoding="utf-8")
    data = load_data(CARD, "~/all.jsonl")
    assert data.source == "~/all.jsonl"
    assert sorted(texts(data.train) + texts(data.evaluation)) == [f"row {i}" for i in range(10)]
    assert len(data.evaluation) == 2


def test_single_file_gives_the_same_split_every_time(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in ROWS), encoding="utf-8")
    assert texts(load_data(CARD, path).evaluation) == texts(load_data(CARD, path).evaluation)


def test_csv_class_ids_and_names_are_read_alike(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\n7,good\n8,bad\n", encoding="utf-8")
    (tmp_path / "dev.csv").write_text("text,label\n7,1\n8,0\n", encoding="utf-8")
    data = load_data(CARD, tmp_path)
    assert data.train.to_list() == data.evaluation.to_list() == [{"text": "7", "label": 1}, {"text": "8", "label": 0}]


def test_rows_are_cut_to_size_by_split() -> None:
    data = load_data(CARD, {"train": SPLIT, "dev": SPLIT}, max_train_rows=4, max_eval_rows=3)
    assert (len(data.train), len(data.evaluation)) == (4, 3)


@settings(max_examples=25)
@given(count=st.integers(1, 30), rows=st.one_of(st.none(), st.integers(1, 40)))
def test_selected_rows_are_a_stable_sample(count: int, rows: int | None) -> None:
    split = Dataset.from_dict({"row": list(range(count))})
    first, second = (list(_select(split, rows)["row"]) for _ in range(2))
    assert first == second
    assert len(first) == len(set(first)) == min(count, rows or count)
    assert set(first) <= set(range(count))
    if rows is None or rows >= count:
        assert first == list(range(count))


def test_selection_is_shuffled_and_grows_with_its_size() -> None:
    split = Dataset.from_dict({"row": list(range(100))})
    ten, twenty = (list(_select(split, rows)["row"]) for rows in (10, 20))
    assert ten == twenty[:10]
    assert ten != sorted(ten)
    assert max(ten) >= 10


def test_loading_draws_no_progress_bar_and_leaves_them_on(capfd: pytest.CaptureFixture[str]) -> None:
    in_memory(SPLIT.select([1, 2]))
    assert capfd.readouterr() == ("", "")
    assert not datasets.utils.are_progress_bars_disabled()
