"""Fingerprints: one for each row, whatever its batch and its padding."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pytest_ftcheck.training.fingerprint import fingerprint_rows, fingerprints

ROWS = [[2, 10, 11, 3], [2, 11, 10, 3], [2, 10, 3], [2, 10, 10, 3], [3], [2, 10, 11, 12, 3]]


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("extra", [0, 7])
def test_padding_does_not_count(side: str, extra: int) -> None:
    longest = max(map(len, ROWS)) + extra
    padded = [row + [0] * (longest - len(row)) if side == "right" else [0] * (longest - len(row)) + row for row in ROWS]
    assert fingerprints(torch.tensor(padded), 0).tolist() == fingerprint_rows(ROWS, 0)


def test_order_and_every_token_count() -> None:
    assert len(set(fingerprint_rows(ROWS, 0))) == len(ROWS)


def test_many_rows_that_differ_in_one_token_have_their_own() -> None:
    rows = np.full((5000, 12), 7)
    rows[np.arange(5000), np.arange(5000) % 12] = 100 + np.arange(5000) // 12
    assert len(set(fingerprint_rows(rows.tolist(), 0))) == 5000


def test_without_a_pad_id_every_token_counts() -> None:
    (short, longer) = fingerprint_rows([[5, 6], [5, 6, 0]], None)
    assert short != longer
    assert fingerprints(torch.tensor([[5, 6, 0]]), None).tolist() == [longer]


def test_other_integers_are_the_same_row() -> None:
    assert fingerprints(torch.tensor(ROWS[:2], dtype=torch.int32), 0).tolist() == fingerprint_rows(ROWS[:2], 0)


def test_no_rows_have_no_fingerprints() -> None:
    assert fingerprint_rows([], 0) == []
