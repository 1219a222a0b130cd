"""The digest of rows: of their values alone, whatever chunks, indices and order of columns they lie in."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value, concatenate_datasets
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_ftcheck import columns
from pytest_ftcheck.runs.rows_digest import rows_digest

if TYPE_CHECKING:
    from collections.abc import Callable

FEATURES = Features(
    {
        "text": Value("string"),
        "ids": List(Value("int32")),
        "nested": List(List(Value("float64"))),
        "label": Value("int64"),
        "flag": Value("bool"),
        "pair": {"left": Value("string"), "right": List(Value("int64"))},
    }
)
NUMBERS = st.integers(-(2**31), 2**31 - 1)
ROWS = st.fixed_dictionaries(
    {
        "text": st.none() | st.text(max_size=5),
        "ids": st.none() | st.lists(NUMBERS, max_size=4),
        "nested": st.lists(st.lists(st.floats(allow_nan=False), max_size=2), max_size=2),
        "label": st.none() | NUMBERS,
        "flag": st.booleans(),
        "pair": st.fixed_dictionaries(
            {"left": st.none() | st.text(max_size=3), "right": st.lists(NUMBERS, max_size=2)}
        ),
    }
)


def table(rows: list[dict[str, Any]]) -> Dataset:
    columns = {name: [row[name] for row in rows] for name in FEATURES}
    return Dataset.from_dict(columns, features=FEATURES)


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(ROWS, min_size=1, max_size=8), cut=st.integers(0, 8), batch=st.integers(1, 5))
def test_digest_is_that_of_the_values(rows: list[dict[str, Any]], cut: int, batch: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(columns, "BATCH", batch)
        expected = rows_digest(table(rows))
        cut = min(cut, len(rows))
        parts = [table(part) for part in (rows[:cut], rows[cut:]) if part]
        chunked = concatenate_datasets(parts)
        around = concatenate_datasets([table(rows[::-1]), chunked, table(rows)]).select(range(len(rows), 2 * len(rows)))
        shuffled = table(rows[::-1]).select(range(len(rows) - 1, -1, -1))
        for same in (chunked, around, shuffled, table(rows).select_columns(sorted(FEATURES)[::-1])):
            assert rows_digest(same) == expected


@settings(max_examples=40, deadline=None)
@given(one=st.lists(ROWS, max_size=4), other=st.lists(ROWS, max_size=4))
def test_other_values_have_another_digest(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (rows_digest(table(one)) == rows_digest(table(other))) == same


CHANGES: dict[str, Callable[[], tuple[Dataset, Dataset]]] = {
    "name of a column": lambda: (Dataset.from_dict({"a": [1]}), Dataset.from_dict({"b": [1]})),
    "type of a column": lambda: (Dataset.from_dict({"a": [1]}), Dataset.from_dict({"a": [1.0]})),
    "names of the classes": lambda: (labelled("no", "yes"), labelled("yes", "no")),
    "null and empty": lambda: (table([row(text=None)]), table([row(text="")])),
    "where a string ends": lambda: (Dataset.from_dict({"a": ["ab", "c"]}), Dataset.from_dict({"a": ["a", "bc"]})),
    "where a list ends": lambda: (Dataset.from_dict({"a": [[1, 2], [3]]}), Dataset.from_dict({"a": [[1], [2, 3]]})),
    "which row is null": lambda: (
        Dataset.from_dict({"a": [None, 1, 1]}),
        Dataset.from_dict({"a": [1, None, 1]}),
    ),
    "date": lambda: (Dataset.from_dict({"a": [dt.date(2026, 1, 1)]}), Dataset.from_dict({"a": [dt.date(2026, 1, 2)]})),
    "decimal": lambda: (decimals("1.50"), decimals("1.51")),
    "words of a dictionary": lambda: (encoded("a", "b"), encoded("a", "c")),
}


def row(**values: Any) -> dict[str, Any]:
    empty = {"text": "", "ids": [], "nested": [], "label": 0, "flag": False, "pair": {"left": "", "right": []}}
    return {**empty, **values}


def labelled(*names: str) -> Dataset:
    return Dataset.from_dict({"a": [0, 1]}, features=Features({"a": ClassLabel(names=list(names))}))


def decimals(number: str) -> Dataset:
    return Dataset(pa.table({"a": pa.array([number]).cast(pa.decimal128(10, 2))}))


def encoded(*words: str) -> Dataset:
    return Dataset(pa.table({"a": pa.array(words).dictionary_encode()}))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change_makes_another_digest(change: Callable[[], tuple[Dataset, Dataset]]) -> None:
    one, other = change()
    assert rows_digest(one) != rows_digest(other)
    assert rows_digest(one) == rows_digest(change()[0])
