"""The private names of datasets that are used do what they are used for."""

from __future__ import annotations

from datasets import Dataset

from pytest_ftcheck.compat import of_datasets

ROWS = Dataset.from_dict({"number": [10, 11, 12, 13]})


def test_order_of_rows_that_were_selected() -> None:
    assert of_datasets.row_order(ROWS) is None
    order = of_datasets.row_order(ROWS.select([3, 0]))
    assert order is not None
    assert order.to_pylist() == [3, 0]


def test_identity_of_a_table() -> None:
    assert of_datasets.table_identity(ROWS) == of_datasets.table_identity(ROWS)
    assert of_datasets.table_identity(ROWS) != of_datasets.table_identity(ROWS.select([3, 0]))
    assert of_datasets.table_identity("no table") is None
