"""Slices: which rows they hold, and what a metric says on each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.gates.intervals import row_interval
from pytest_ftcheck.gates.slices import class_masks, function_masks, length_masks, slice_scores, value_masks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_ftcheck.heads.rows import EvaluatedRows

    Make = Callable[..., EvaluatedRows]


def held(masks: Mapping[str, np.ndarray]) -> dict[str, list[int]]:
    return {name: np.flatnonzero(mask).tolist() for name, mask in masks.items()}


def test_class_slices() -> None:
    assert held(class_masks(np.array([0, 1, 1]), ["no", "yes"])) == {"class=no": [0], "class=yes": [1, 2]}


def test_slices_by_the_values_of_a_column() -> None:
    assert held(value_masks("genre", ["fiction", "travel", "fiction"])) == {
        "genre=fiction": [0, 2],
        "genre=travel": [1],
    }
    assert held(value_masks("truncated", [True, False])) == {"truncated=True": [0], "truncated=False": [1]}
    assert value_masks("genre", []) == {}


def test_length_bands_hold_about_equally_many_rows() -> None:
    masks = length_masks(np.random.default_rng(0).integers(5, 60, 1000))
    assert len(masks) == 4
    assert all(200 < mask.sum() < 300 for mask in masks.values())
    assert (np.sum(list(masks.values()), axis=0) == 1).all()
    assert next(iter(masks)).startswith("length=5-")


def test_lengths_that_are_equal_stay_together() -> None:
    assert held(length_masks([3, 3, 3, 9])) == {"length=3-3": [0, 1, 2], "length=9-9": [3]}
    assert length_masks([]) == {}


def test_slices_by_a_function_of_the_user() -> None:
    def question(row: Mapping[str, Any]) -> bool | None:
        return row["text"].endswith("?") if row["text"] else None

    masks = function_masks(question, [{"text": "why?"}, {"text": "so."}, {"text": ""}])
    assert held(masks) == {"question=True": [0], "question=False": [1]}


def test_each_slice_has_its_own_value_interval_and_row_count(classified: Make) -> None:
    rows = classified()
    scores = slice_scores("f1", rows, {"all": np.ones(408, bool), "half": np.arange(408) < 204})
    assert [(score.name, score.rows) for score in scores] == [("all", 408), ("half", 204)]
    assert scores[0].interval == row_interval("f1", rows)
    assert scores[0].value in scores[0].interval
    assert scores[1].interval.high - scores[1].interval.low > scores[0].interval.high - scores[0].interval.low


def test_slice_without_rows_is_nan_and_unknown(classified: Make) -> None:
    (score,) = slice_scores("accuracy", classified(), {"none": np.zeros(408, bool)})
    assert (math.isnan(score.value), score.interval.known, score.rows) == (True, False, 0)


@pytest.mark.parametrize("mask", [np.ones(3, bool), np.ones(408, int)])
def test_mask_of_another_kind_is_refused(mask: np.ndarray, classified: Make) -> None:
    with pytest.raises(DataError, match="slice 'odd' needs a mask of 408 booleans"):
        slice_scores("accuracy", classified(), {"odd": mask})


def test_metric_of_the_users_own_has_no_slices(classified: Make) -> None:
    with pytest.raises(DataError, match="'bleu' has no slices: it cannot be computed from single rows"):
        slice_scores("bleu", classified(), {"all": np.ones(408, bool)})
