"""The head of multi-label classification: sets of labels become vectors, and each label is answered by itself."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
import torch

from pytest_ftcheck.errors import DataError, TaskError
from pytest_ftcheck.heads.classes import NO_CLASS
from pytest_ftcheck.heads.label_sets import HEAD
from pytest_ftcheck.heads.registry import head_of_outputs

NAMES = ("food", "film", "trade")
LOGITS = np.array([[2.0, -1.0, 0.5], [math.nan, 0.0, -3.0]])
LABELS = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]], dtype=np.float32)
THRESHOLDS = {"below": 0.5, "above": 3.0, "times": 5.0}


@pytest.mark.parametrize(
    ("value", "vector"),
    [
        ([2, 0], [1.0, 0.0, 1.0]),
        (["film"], [0.0, 1.0, 0.0]),
        ([], [0.0, 0.0, 0.0]),
        ([0, 1, 1], [0.0, 1.0, 1.0]),
        ([True, False, False], [1.0, 0.0, 0.0]),
        ([0.2, 1.0, 0.0], [0.2, 1.0, 0.0]),
        ([0, 1, 2], [1.0, 1.0, 1.0]),
    ],
    ids=["ids", "names", "none", "a vector", "booleans", "shares of votes", "all ids"],
)
def test_labels_become_vectors(value: object, vector: list[float]) -> None:
    assert HEAD.labels.encode(value, NAMES, "row 0") == vector


def test_of_two_labels_a_list_of_zero_and_one_is_a_vector() -> None:
    assert HEAD.labels.encode([0, 1], NAMES[:2], "row 0") == [0.0, 1.0]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("food", r"row 7: label 'food' is not a list. Expected a list of 3 numbers from 0 to 1, or a list of names"),
        ([3], r"row 7, label 0: label 3 is not one of the classes \(0 = food, 1 = film, 2 = trade\)"),
        (["fod"], r"label 'fod' is not one of the classes .* Did you mean 'food'\?"),
        ([1, 1], r"row 7: label 'film' occurs twice in \[1, 1\]. Remove one, or give a vector of 3 numbers"),
        ([0.5, 2.0, 0.0], r"row 7, label 0: label 0.5 is not one of the classes"),
    ],
    ids=["no list", "id", "name", "twice", "numbers above 1"],
)
def test_what_is_no_set_of_labels_is_named(value: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        HEAD.labels.encode(value, NAMES, "row 7")


def test_labels_are_vectors_of_floats() -> None:
    labels = HEAD.labels
    assert labels.arrow_type() == pa.list_(pa.float32())
    assert [labels.fits(label, 3) for label in ([0.0, 1.0, 0.5], [0, 1], [0.0, 2.0, 0.0], 1)] == [True, *[False] * 3]
    assert (labels.dtypes(own_loss=False), labels.kept_dtype()) == (("float32",), "float32")
    assert "int64" in labels.dtypes(own_loss=True)
    assert labels.stacked([[0, 1], [1, 1]]).dtype == np.float32
    assert labels.choices([], 2) == [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    with pytest.raises(ValueError, match="inhomogeneous"):
        labels.stacked([[0], [0, 1]])


def test_a_card_names_two_labels_and_no_slices_of_classes() -> None:
    assert not HEAD.card.refusal(NAMES, ["length"])
    assert "at least two" in HEAD.card.refusal(NAMES[:1], [])
    assert "a row has no single class" in HEAD.card.refusal(NAMES, ["class"])


def test_loss_is_that_of_transformers() -> None:
    logits, labels = torch.tensor(LOGITS).nan_to_num(), torch.tensor(LABELS)
    right = torch.nn.BCEWithLogitsLoss()(logits, labels.double())
    assert float(HEAD.loss(logits, labels)) == pytest.approx(float(right))
    by_row = HEAD.loss(logits, labels, reduction="none")
    assert by_row.shape == (2,)
    assert float(HEAD.loss(logits, labels, reduction="sum")) == pytest.approx(float(by_row.sum()) * labels.shape[1])
    assert float(by_row.mean()) == pytest.approx(float(right))
    assert HEAD.loss.of_constant(LABELS, 3) == pytest.approx(math.log(2))
    assert HEAD.loss.at_start(labels, 3, THRESHOLDS)[:2] == pytest.approx((0.5 * math.log(2), math.log(2) + 1.5))


def test_outputs_are_answers_of_each_label() -> None:
    outputs = HEAD.outputs
    assert outputs.shapes(2, 3) == {"logits": (2, 3), "labels": (2, 3)}
    assert outputs.predictions(LOGITS).tolist() == [[1, 0, 1], [NO_CLASS, 0, 0]]
    assert outputs.raw_predictions(LOGITS).tolist() == [[1, 0, 1], [0, 0, 0]]
    assert outputs.scores(LOGITS[:1]).tolist() == [pytest.approx([1 / (1 + math.exp(-value)) for value in LOGITS[0]])]
    assert outputs.scores(np.array([[-1000.0, 1000.0]])).tolist() == [[0.0, 1.0]]
    assert (outputs.references(LABELS) is LABELS, outputs.judged(LOGITS, LABELS).shape) == (True, (2, 3))
    with pytest.raises(TaskError, match=r"takes logits \[N, K\] for K >= 2 labels, got shape \(2, 1\)"):
        outputs.predictions(LOGITS[:, :1])


@pytest.mark.parametrize(
    ("logits", "labels", "taken"),
    [
        (torch.zeros(2, 3), torch.tensor(LABELS), True),
        ((torch.zeros(2, 3), torch.zeros(2, 9)), torch.tensor(LABELS).long(), True),
        (torch.zeros(2, 3), torch.tensor(LABELS) * 2, False),
        (torch.zeros(2, 3), torch.zeros(2).long(), False),
        (torch.zeros(2, 2), torch.zeros(2, 2), False),
    ],
    ids=["floats", "integers, and hidden states", "values", "class ids", "another width"],
)
def test_outputs_of_such_a_model_are_known_by_their_labels(logits: object, labels: object, taken: bool) -> None:  # noqa: FBT001 - expected
    assert (head_of_outputs(logits, labels, 3) is HEAD) is taken
