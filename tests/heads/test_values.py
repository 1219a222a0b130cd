"""The head of values; its encoding of labels is asked in tests/tasks/test_labels.py, its metrics in tests/gates."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch

from pytest_ftcheck.errors import DataError, TaskError
from pytest_ftcheck.heads.values import HEAD

LIMITS = {"below": 0.5, "above": 3.0, "times": 5.0}


def test_card_has_no_names_and_no_slices_by_class() -> None:
    assert HEAD.card.refusal(["low", "high"], []) == "label_names must be absent: head 'regression' has no classes"
    assert HEAD.card.refusal([], ["class"]) == "slices: remove 'class': head 'regression' has no classes"
    assert not HEAD.card.refusal([], ["length"])
    assert HEAD.card.width([]) == 1


def test_labels_are_finite_numbers() -> None:
    labels = HEAD.labels
    assert labels.arrow_type() == pa.float32()
    assert labels.encode("3.8", (), "row 0") == 3.8
    for value in (None, "high", float("nan"), 1e39):
        with pytest.raises(DataError, match=r"row 0: label .* is not a finite number"):
            labels.encode(value, (), "row 0")
    assert [labels.fits(value, 1) for value in (1, 0.5, float("inf"), None, "1")] == [True, True, False, False, False]
    assert list(labels.choices([2.0, 1.0, 2.0], 1)) == [1.0, 2.0]
    assert list(labels.choices([], 1))[:3] == [0.0, 0.1, -0.1]
    assert [labels.made_up(row, 1) for row in range(3)] == [0.0, 0.1, 0.2]
    assert labels.dtypes(own_loss=False) == ("float32",)
    assert labels.dtypes(own_loss=True) == ("float32", "int64")


def test_configuration() -> None:
    config = SimpleNamespace()
    HEAD.model.configure(config, 1, ())
    assert vars(config) == {"num_labels": 1, "problem_type": "regression"}


def test_loss_is_squared_error_of_the_column() -> None:
    logits, labels = torch.tensor([[1.0], [2.0]]), torch.tensor([3, 2])
    assert HEAD.loss(logits, labels, reduction="none").tolist() == [4.0, 0.0]
    assert float(HEAD.loss(logits, labels.float(), reduction="sum")) == 4.0
    assert float(HEAD.loss(logits, labels.double(), label_smoothing=0.5)) == 2.0


def test_a_guess_costs_the_variance_of_the_labels() -> None:
    assert HEAD.loss.of_constant(np.array([1.0, 3.0]), 1) == 1.0
    low, high, words = HEAD.loss.at_start(torch.tensor([1.0, 3.0]), 1, LIMITS)
    assert (low, high, words) == (1.0, 30.0, "1 to 30: labels of variance 2")


def test_outputs() -> None:
    outputs, column = HEAD.outputs, np.array([[1.5], [-2.0]])
    assert outputs.shapes(5, 1) == {"logits": (5, 1), "labels": (5,)}
    assert outputs.normalised(column[:, 0]).shape == (2, 1)
    assert outputs.predictions(column).tolist() == outputs.raw_predictions(column).tolist() == [1.5, -2.0]
    assert outputs.scores(column) is column
    with pytest.raises(TaskError, match="expected one value a row"):
        outputs.references(np.zeros((2, 2)))
