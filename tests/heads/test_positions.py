"""The head of spans of which no question is known: found out by a batch, judged by windows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pytest_ftcheck.heads.positions import HEAD, shared_tokens
from pytest_ftcheck.heads.registry import head_of_outputs
from pytest_ftcheck.heads.row_metrics import metric_value
from pytest_ftcheck.heads.rows import EvaluatedRows

LABELS = np.array([[1, 2], [3, 3], [0, 0], [2, 5]])
PREDICTED = np.array([[1, 2], [4, 4], [1, 0], [3, 6]])


def rows() -> EvaluatedRows:
    return EvaluatedRows(LABELS, PREDICTED, None, HEAD)


def test_outputs_of_two_logits_and_two_positions_are_recognised() -> None:
    logits, places = (torch.zeros(4, 9), torch.zeros(4, 9)), (torch.zeros(4).long(), torch.zeros(4).long())
    assert HEAD.outputs.are_of(logits, places, 2)
    assert head_of_outputs(logits, places, 2) is HEAD
    assert not HEAD.outputs.are_of(logits, (torch.zeros(4), torch.zeros(4)), 2)
    assert not HEAD.outputs.are_of(logits[0], places[0], 2)
    assert not HEAD.outputs.are_of(logits, None, 2)


def test_spans_are_compared_by_the_tokens_that_both_have() -> None:
    assert shared_tokens(PREDICTED, LABELS).tolist() == pytest.approx([1, 0, 0, 2 * 3 / 8])


@pytest.mark.parametrize(("name", "value"), [("exact_positions", 25), ("f1_positions", 100 * (1 + 3 / 4) / 4)])
def test_metrics_are_percents_of_windows(name: str, value: float) -> None:
    metric = HEAD.scoring.row_metric(name, rows())
    assert metric is not None
    assert metric_value(metric) == pytest.approx(value)


def test_metrics_of_answers_are_not_known() -> None:
    assert HEAD.scoring.row_metric("exact_match", rows()) is None
    assert HEAD.scoring.row_metric("f1", rows()) is None


def test_the_trivial_span_is_the_one_that_training_has_most_often() -> None:
    ((name, given),) = HEAD.scoring.constants("f1_positions", LABELS, np.array([[4, 5], [0, 0], [0, 0]]), ())
    assert name == "always tokens 0 to 0"
    assert given.predictions.tolist() == [[0, 0]] * 4
