"""The head of classes; its encoding of labels is asked in tests/tasks/test_labels.py, its metrics in tests/gates."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch

from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.heads.classes import HEAD, NO_CLASS

LOGITS = np.array([[2.0, 0.0, -1.0], [0.0, 1.0, 3.0], [math.nan, 1.0, 0.0]])
LIMITS = {"below": 0.5, "above": 3.0, "times": 5.0}


def test_card_needs_two_names() -> None:
    assert "at least two classes" in HEAD.card.refusal(["good"], [])
    assert not HEAD.card.refusal(["bad", "good"], ["class"])
    assert HEAD.card.width(["bad", "good"]) == 2


def test_labels_are_ids() -> None:
    labels = HEAD.labels
    assert labels.arrow_type() == pa.int64()
    assert [labels.encode(value, ("bad", "good"), "row 0") for value in ("good", 0, 1.0, "1")] == [1, 0, 1, 1]
    assert [labels.fits(value, 2) for value in (0, 1, np.int64(1), 2, -1, 0.0, None)] == [True] * 3 + [False] * 4
    assert labels.expected(3) == "class ids from 0 to 2, whole numbers"
    assert list(labels.choices([5], 3)) == [0, 1, 2]
    assert [labels.made_up(row, 3) for row in range(4)] == [0, 1, 2, 0]
    assert labels.dtypes(own_loss=True) == ("int64",)
    assert labels.kept_dtype() == "int32"


def test_configuration_names_the_classes() -> None:
    config = SimpleNamespace()
    HEAD.model.configure(config, 2, ("bad", "good"))
    assert vars(config) == {
        "num_labels": 2,
        "problem_type": "single_label_classification",
        "id2label": {0: "bad", 1: "good"},
        "label2id": {"bad": 0, "good": 1},
    }
    assert HEAD.model.labels_in_words(3) == "one of 3 classes a row"


def test_loss_is_cross_entropy_however_it_is_reduced() -> None:
    logits, labels = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 0], dtype=torch.int32)
    each = HEAD.loss(logits, labels, reduction="none")
    assert each.tolist() == pytest.approx([math.log(1 + math.exp(-1)), math.log(1 + math.exp(2))])
    assert float(HEAD.loss(logits, labels)) == pytest.approx(float(each.mean()))
    assert float(HEAD.loss(logits, labels, reduction="sum")) == pytest.approx(float(each.sum()))
    smoothed = torch.nn.functional.cross_entropy(logits, labels.long(), label_smoothing=0.1)
    assert torch.equal(HEAD.loss(logits, labels, label_smoothing=0.1), smoothed)


def test_loss_of_one_logit_is_that_of_its_sigmoid() -> None:
    logits, labels = torch.tensor([[0.5], [-2.0]]), torch.tensor([1, 0])
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, 0], labels.float())
    assert float(HEAD.loss(logits, labels)) == pytest.approx(float(expected))


def test_a_guess_costs_the_entropy_of_the_labels() -> None:
    labels = np.array([0, 0, 0, 1])
    assert HEAD.loss.of_constant(labels, 2) == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    assert HEAD.loss.of_constant(labels, 2, 1.0) == pytest.approx(math.log(2))
    low, high, words = HEAD.loss.at_start(torch.zeros(2), 4, LIMITS)
    assert (low, high) == (0.5 * math.log(4), math.log(4) + 3.0)
    assert words == "0.693 to 4.39: the loss of a guess among 4 classes is ln 4 = 1.39"


def test_outputs() -> None:
    outputs = HEAD.outputs
    assert outputs.shapes(5, 3) == {"logits": (5, 3), "labels": (5,)}
    assert outputs.predictions(LOGITS).tolist() == [0, 2, NO_CLASS]
    assert outputs.raw_predictions(LOGITS[:2]).tolist() == [0, 2]
    assert outputs.references(np.array([[1], [0]])).tolist() == [1, 0]
    assert outputs.normalised(LOGITS) is LOGITS
    assert outputs.scores(LOGITS[:1]).sum() == pytest.approx(1)
    with pytest.raises(TaskError, match="K >= 2 classes"):
        outputs.predictions(LOGITS[:, :1])
