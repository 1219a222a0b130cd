"""Rows whose prediction differs between a run and the accepted run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.gates.compared_run import check_same_rows
from pytest_ftcheck.heads.confidence import label_confidence, row_losses
from pytest_ftcheck.heads.traits import CLASSES, IGNORED, LABEL_PER_TOKEN

if TYPE_CHECKING:
    from pytest_ftcheck.heads.rows import EvaluatedRows


@dataclass(frozen=True)
class Flip:
    """A row that the two models predict differently."""

    row: int
    """Index in the evaluation data set."""
    label: Any
    """Class id, or the value of a regression; a list for several labels a row."""
    before: Any
    """Accepted prediction: class id, value or list."""
    after: Any
    """Prediction of this run."""
    worse: float
    """Decrease of the label's probability, -1 to 1; increase of the loss for heads without classes."""


def flipped_rows(before: EvaluatedRows, after: EvaluatedRows) -> list[Flip]:
    """List the rows that the two models predict differently, the worst first.

    For classes: every row whose prediction changed; rows that were right and are wrong now come first; both groups are
    sorted by the decrease of the label's probability. For other heads: every row whose loss increased, by its increase.
    Of tags: every row with another tag.

    Raises:
        DataError: the rows differ.

    """
    check_same_rows(before, after)
    if CLASSES not in after.head_rules.traits:
        worse = row_losses(after) - row_losses(before)
        changed = ~(worse <= 0)  # a loss that is NaN counts as increased
        if LABEL_PER_TOKEN in after.head_rules.traits:
            counts = after.label_ids != IGNORED
            changed = ((before.predictions != after.predictions) & counts).any(axis=1)
        flipped = np.flatnonzero(changed)
        order = flipped[np.argsort(-np.nan_to_num(worse[flipped], nan=math.inf), kind="stable")]
    else:
        worse = label_confidence(before) - label_confidence(after)
        flipped = np.flatnonzero(before.predictions != after.predictions)
        lost = (before.predictions == before.label_ids)[flipped]
        order = flipped[np.lexsort((-np.nan_to_num(worse[flipped], nan=1.0), ~lost))]
    columns = (after.label_ids, before.predictions, after.predictions, worse)
    return [Flip(int(row), *(column[row].tolist() for column in columns)) for row in order]
