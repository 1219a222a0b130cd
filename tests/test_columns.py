"""Columns in batches: what comes out is what the data set holds, in whatever order and chunks its rows lie."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from datasets import Dataset, concatenate_datasets
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftcheck import columns

WORDS = st.lists(st.text(max_size=3), max_size=3)


def dataset(lists: list[list[str]], order: list[int], cut: int) -> Dataset:
    """Return rows in two chunks and another order."""
    numbers = list(range(len(lists)))
    whole = Dataset(pa.table({"words": pa.array(lists, pa.list_(pa.string())), "number": numbers}))
    parts = [whole.select(range(cut)), whole.select(range(cut, len(whole)))] if 0 < cut < len(whole) else [whole]
    return concatenate_datasets(parts).select(order)


@given(st.data(), st.lists(WORDS, min_size=1, max_size=9), st.integers(1, 4))
def test_batches_hold_the_rows_in_order(data: st.DataObject, lists: list[list[str]], batch: int) -> None:
    order = data.draw(st.lists(st.integers(0, len(lists) - 1), max_size=12))
    rows = dataset(lists, order, data.draw(st.integers(0, len(lists))))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(columns, "BATCH", batch)
        assert all(0 < len(table) <= batch for table in columns.tables(rows))
        assert columns.scalars(rows, "number") == order
        assert list(columns.walk(rows, ["number", "words"])) == [(index, lists[index]) for index in order]
        assert columns.list_lengths(rows, "words").tolist() == [len(lists[index]) for index in order]
        chosen = data.draw(st.lists(st.integers(0, len(order) - 1), max_size=4)) if order else []
        assert columns.taken(rows, "words", chosen) == [lists[order[place]] for place in chosen]


def test_the_users_format_does_not_matter() -> None:
    rows = Dataset.from_dict({"label": [1, 0], "ids": [[1], [2, 3]]}).with_format("torch", columns=["ids"])
    assert columns.scalars(rows, "label") == [1, 0]
    assert list(columns.walk(rows, ["ids"])) == [([1],), ([2, 3],)]


def test_a_column_may_be_asked_for_twice() -> None:
    rows = Dataset.from_dict({"text": ["a", "b"], "label": [0, 1]})
    assert list(columns.walk(rows, ["text", "label", "text"])) == [("a", 0, "a"), ("b", 1, "b")]


def test_a_missing_list_has_no_values() -> None:
    rows = Dataset(pa.table({"ids": pa.array([[1, 2], None, []], pa.list_(pa.int64()))}))
    lengths = columns.list_lengths(rows, "ids")
    assert lengths.tolist() == [2, 0, 0]
    assert lengths.dtype == np.int64
