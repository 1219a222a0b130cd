"""Rows that flipped, where predictions are texts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.gates.flips import flipped_rows
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.heads.spans import HEAD
from pytest_ftcheck.report.baseline import flip_records

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline


def test_answers_that_got_worse_are_told_with_all_right_ones(make_pipeline: Callable[..., Pipeline]) -> None:
    pipeline = make_pipeline("squad", train_rows=8, eval_rows=3)
    right = np.array([json.dumps(texts) for texts in (["the shop", "shop"], ["Anna"], ["four lamps"])])
    before, after = (
        EvaluatedRows(right, np.array(texts), None, HEAD)
        for texts in (["shop", "Ben", "four lamps"], ["Tuesday", "Ben", "lamps"])
    )
    flips = flip_records(flipped_rows(before, after), pipeline, pipeline.data.evaluation)
    told = [(flip.row, flip.label, flip.before, flip.after) for flip in flips]
    assert told == [(0, ["the shop", "shop"], "shop", "Tuesday"), (2, ["four lamps"], "four lamps", "lamps")]
