"""The rows that two models predict differently, the worst first."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_ftcheck.gates.flips import flipped_rows
from pytest_ftcheck.heads.rows import EvaluatedRows


def test_rows_that_were_right_and_were_sure_come_first() -> None:
    labels = np.array([0, 0, 1, 1, 0])
    before = np.array([[3.0, 0], [1.0, 0], [0, 2.0], [2.0, 0], [1.0, 0]])
    after = np.array([[0, 3.0], [0, 1.0], [0, 1.0], [0, 1.0], [0.5, 0]])
    old, new = (EvaluatedRows.of_logits(logits, labels, "sequence-classification") for logits in (before, after))
    flips = flipped_rows(old, new)
    assert [(flip.row, flip.label, flip.before, flip.after) for flip in flips] == [
        (0, 0, 0, 1),
        (1, 0, 0, 1),
        (3, 1, 0, 1),
    ]
    assert flips[0].worse == pytest.approx(0.9526 - 0.0474, abs=1e-4)
    assert flips[2].worse < 0


def test_rows_flip_without_logits_too() -> None:
    labels, rows = np.tile([0, 1], 5), np.arange(10)
    before = EvaluatedRows(labels, np.where(rows < 8, labels, 1 - labels))
    after = EvaluatedRows(labels, np.where((rows >= 2) & (rows < 9), labels, 1 - labels))
    assert [flip.row for flip in flipped_rows(before, after)] == [0, 1, 8]


def test_regression_lists_the_rows_whose_error_grew() -> None:
    labels = np.array([1.0, 2.0, 3.0, 4.0])
    old, new = (
        EvaluatedRows(labels, labels + np.array(error)) for error in ([0.1, 1.0, 0.0, 0.5], [0.5, 0.2, 2.0, math.nan])
    )
    flips = flipped_rows(old, new)
    assert [flip.row for flip in flips] == [3, 2, 0]
    assert flips[1].worse == pytest.approx(4.0)
