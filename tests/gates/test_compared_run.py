"""What is compared: the metrics of a run, and rows that are the same in both."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.gates.compared_run import ComparedRun, check_same_rows
from pytest_ftcheck.heads.rows import EvaluatedRows

if TYPE_CHECKING:
    from collections.abc import Callable


def test_other_rows_are_not_comparable() -> None:
    labels = np.tile([0, 1], 50)
    rows = EvaluatedRows(labels, labels)
    check_same_rows(rows, EvaluatedRows(labels, 1 - labels))
    with pytest.raises(DataError, match="not comparable: the baseline has 100 evaluated rows, the run 99"):
        check_same_rows(rows, rows.take(np.arange(100) < 99))
    with pytest.raises(DataError, match="100 of 100 labels differ from the baseline's, first in row 0"):
        check_same_rows(rows, EvaluatedRows(1 - labels, labels))
    empty = EvaluatedRows(np.zeros(0, int), np.zeros(0, int))
    with pytest.raises(DataError, match="0 evaluated rows, the run 0"):
        check_same_rows(empty, empty)


def test_run_is_taken_with_the_calibration_of_its_model(classified: Callable[..., EvaluatedRows]) -> None:
    rows = classified()
    run = SimpleNamespace(
        logits=rows.logits,
        label_ids=rows.label_ids,
        head="sequence-classification",
        label_names=(),
        metrics={"accuracy": 0.9},
    )
    taken = ComparedRun.of_run(cast("Any", run))
    assert set(taken.metrics) == {"accuracy", "expected_calibration_error", "brier_score"}
    assert 0 < taken.metrics["brier_score"] < 0.25
    run.logits = np.full_like(rows.logits, math.nan)
    assert dict(ComparedRun.of_run(cast("Any", run)).metrics) == {"accuracy": 0.9}
