"""Offsets of tokens as arrays say what the lists of a data set say."""

from __future__ import annotations

from datasets import Dataset

from pytest_ftcheck.heads.offsets import offsets_of

ROWS = [[None, [0, 3], [4, 7], None], [None, None], [[2, 5], [5, 9], [9, 10], None], []]


def test_lists_become_arrays_in_any_order_of_rows() -> None:
    rows = Dataset.from_dict({"offset_mapping": ROWS}).select([2, 0, 3, 1])
    (found,) = offsets_of(rows)
    assert found.begin.tolist() == [[2, 5, 9, -1], [-1, 0, 4, -1], [-1] * 4, [-1] * 4]
    assert found.end.tolist() == [[5, 9, 10, -1], [-1, 3, 7, -1], [-1] * 4, [-1] * 4]
    assert found.of_context.sum(axis=1).tolist() == [3, 2, 0, 0]


def test_tokens_are_cut_and_padded_to_the_width_of_logits() -> None:
    (found,) = offsets_of(Dataset.from_dict({"offset_mapping": ROWS[:1]}))
    assert found.cut(2).begin.tolist() == [[-1, 0]]
    assert found.cut(6).end.tolist() == [[-1, 3, 7, -1, -1, -1]]
