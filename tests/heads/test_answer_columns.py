"""Answers in the forms that data sets have them in become the one form that is judged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from datasets import Dataset
from pyarrow import parquet

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.heads.answer_columns import answers_in_one_form
from pytest_ftcheck.tasks.card import load_card
from pytest_ftcheck.tasks.datasets import load_data

if TYPE_CHECKING:
    from pathlib import Path

CONTEXT = "Anna sold four lamps. Ben sent two books."
ANNA = {"text": ["Anna"], "answer_start": [0]}
BEN = {"text": ["Ben"], "answer_start": [22]}
NONE: dict[str, list[Any]] = {"text": [], "answer_start": []}


def gathered(**columns: list[Any]) -> list[Any]:
    count = len(next(iter(columns.values())))
    rows = Dataset(pa.table({"context": [CONTEXT] * count, **columns}))
    found: list[Any] = answers_in_one_form(rows, "context", "answers", "train split")["answers"][:]
    return found


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({"answers": [ANNA, BEN, NONE]}, id="lists in a mapping"),
        pytest.param(
            {"answers": [{"text": "Anna", "answer_start": 0}, {"text": "Ben", "answer_start": 22}, None]}, id="mapping"
        ),
        pytest.param(
            {"answers": [[{"text": "Anna", "answer_start": 0}], [{"text": "Ben", "answer_start": 22}], []]},
            id="list of mappings",
        ),
        pytest.param({"answers": [json.dumps(ANNA), str(BEN), str(NONE)]}, id="mapping as text"),
        pytest.param({"answers": ["Anna", "Ben", ""], "answer_start": [0, 22, None]}, id="text and start"),
        pytest.param({"answers": ["Anna", "Ben", None]}, id="text"),
        pytest.param(
            {"answer_text": ["Anna", "Ben", None], "answer_start": [0.0, 22.0, float("nan")]}, id="starts as floats"
        ),
        pytest.param({"answer_text": [["Anna"], ["Ben"], []], "answer_start": [[0], [22], []]}, id="two lists"),
        pytest.param(
            {"answers.text": ["['Anna']", "['Ben']", "[]"], "answers.answer_start": ["[0]", "[22]", "[]"]},
            id="two lists as text",
        ),
        pytest.param(
            {"answer_text": ["Anna", "Ben", ""], "answer_start": [0, 22, -1], "is_impossible": [False, False, True]},
            id="start of -1",
        ),
        pytest.param(
            {"answers": [ANNA, BEN, NONE], "is_impossible": ["False", "false", "True"]}, id="is_impossible as text"
        ),
    ],
)
def test_each_form_says_the_same(columns: dict[str, list[Any]]) -> None:
    assert gathered(**columns) == [ANNA, BEN, NONE]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"answer": ["Clara"]}, "'Clara': there is no answer_start, and the answer occurs 0 times in its"),
        ({"answer": [" "]}, "occurs 7 times"),
        ({"answer": ["Ben"], "answer_start": ["later"]}, "answer_start 'later' is not a number"),
        ({"answer": [["Ben", "Anna"]], "answer_start": [[22]]}, "expected as many texts as first characters"),
        ({"answers": [ANNA], "is_impossible": [True]}, "is_impossible is true, but there is the answer 'Anna'"),
        ({"label": ["Ben"]}, "train split has no answers: its columns are context, label"),
    ],
    ids=["absent", "ambiguous", "no number", "another count", "contradiction", "no column"],
)
def test_what_is_not_an_answer_is_told(columns: dict[str, list[Any]], message: str) -> None:
    with pytest.raises(DataError) as raised:
        gathered(**columns)
    assert message in str(raised.value)


@pytest.mark.parametrize("text", ["[1]", "[a", "{x}"])
def test_an_answer_may_begin_with_a_bracket(text: str) -> None:
    rows = Dataset(pa.table({"context": [f"see {text} there"], "answers": [text], "answer_start": [4]}))
    answers = answers_in_one_form(rows, "context", "answers", "train split")[0]["answers"]
    assert answers == {"text": [text], "answer_start": [4]}


def test_numbers_of_a_file_are_answers() -> None:
    rows = Dataset(pa.table({"context": ["in 1999"], "answer_text": [1999], "answer_start": [3]}))
    assert answers_in_one_form(rows, "context", "answers", "train split")[0]["answers"]["text"] == ["1999"]


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_files_with_flat_columns(tmp_path: Path, suffix: str) -> None:
    rows = [
        {"question": "Who sold?", "context": CONTEXT, "answer_text": "Anna", "answer_start": 0},
        {"question": "Who slept?", "context": CONTEXT, "answer_text": "", "answer_start": None},
    ]
    for split in ("train", "validation"):
        path = tmp_path / f"{split}.{suffix}"
        if suffix == "jsonl":
            path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        elif suffix == "csv":
            Dataset.from_list(rows).to_pandas().to_csv(path, index=False)
        else:
            parquet.write_table(pa.Table.from_pylist(rows), path)
    data = load_data(load_card("squad_v2", {}), tmp_path)
    assert data.train["answers"][:] == [ANNA, NONE]
