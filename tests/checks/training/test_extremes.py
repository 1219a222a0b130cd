"""What a loss makes of predictions that are sure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from pytest_ftcheck.checks.catalogue import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

    Judged = Callable[..., list[Finding]]
    Toy = Callable[..., Pipeline]

CHECK = "training.loss_extremes"


def focal(logits: Tensor, labels: Tensor) -> Tensor:
    each = nn.functional.cross_entropy(logits, labels, reduction="none")
    return ((1 - (-each).exp()) ** 2 * each).mean()


def absolute(logits: Tensor, labels: Tensor) -> Tensor:
    return (nn.functional.one_hot(labels, 2) - logits.softmax(-1)).abs().sum(-1).mean()


HEALTHY = {
    "weighted": lambda logits, labels: nn.functional.cross_entropy(logits, labels, weight=torch.tensor([1.0, 9.0])),
    "smoothed": lambda logits, labels: nn.functional.cross_entropy(logits, labels, label_smoothing=0.2),
    "focal": focal,
    "absolute error of probabilities": absolute,
    "hinge": nn.functional.multi_margin_loss,
    "binary": lambda logits, labels: nn.functional.binary_cross_entropy_with_logits(
        logits, nn.functional.one_hot(labels, 2).float()
    ),
}


@pytest.mark.parametrize("loss", HEALTHY.values(), ids=HEALTHY.keys())
def test_losses_of_ones_own_are_healthy(judged: Judged, toy: Toy, kit: Any, loss: Any) -> None:
    assert judged(CHECK, toy(kit.trainer_with(loss))) == []


@pytest.mark.parametrize("task", ["mrpc", "yelp_review_full"])
def test_losses_of_models_are_healthy(judged: Judged, make_pipeline: Callable[..., Pipeline], task: str) -> None:
    assert judged(CHECK, make_pipeline(task, train_rows=8, eval_rows=8)) == []


def test_label_smoothing_of_the_recipe_is_healthy(judged: Judged, toy: Toy) -> None:
    assert judged(CHECK, toy(label_smoothing_factor=0.1)) == []


@pytest.mark.parametrize("squash", [lambda logits: logits.softmax(-1), torch.sigmoid, torch.tanh])
def test_squashed_logits_are_found(judged: Judged, toy: Toy, kit: Any, squash: Callable[[Tensor], Tensor]) -> None:
    wrong = kit.trainer_with(lambda logits, labels: nn.functional.cross_entropy(squash(logits), labels))
    (found,) = judged(CHECK, toy(wrong))
    assert found.expected == "a loss near 0 if all rows are right with high confidence; the loss of a guess is 0.6931"
    assert "something squashes the logits" in found.observed


@pytest.mark.parametrize(
    "loss",
    [
        lambda logits, labels: -nn.functional.cross_entropy(logits, labels),
        lambda logits, labels: nn.functional.cross_entropy(logits, 1 - labels),
        lambda logits, labels: nn.functional.nll_loss(-logits.log_softmax(-1), labels),
    ],
    ids=["maximised", "labels turned round", "sign"],
)
def test_loss_that_rewards_the_wrong_prediction_is_found(judged: Judged, toy: Toy, kit: Any, loss: Any) -> None:
    (found,) = judged(CHECK, toy(kit.trainer_with(loss)))
    assert found.expected == "a loss that is smaller for right predictions than for a guess, and larger for wrong ones"


def test_loss_that_is_not_of_the_logits_is_not_judged(judged: Judged, toy: Toy, kit: Any) -> None:
    constant = kit.trainer_with(lambda logits, labels: logits.new_ones(len(labels), requires_grad=True).mean())
    with pytest.raises(NotApplicable, match="does not depend on the logits alone"):
        judged(CHECK, toy(constant))


def test_regression_is_not_asked(judged: Judged, toy: Toy) -> None:
    with pytest.raises(NotApplicable, match="only to tasks with classes; this task has values"):
        judged(CHECK, toy(regression=True))
