"""Weights of classes: as their counts ask for, whatever the loss divides by, and each at its own class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from pytest_ftcheck.checks.catalogue import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

    from datasets import Dataset

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

    Judged = Callable[..., list[Finding]]
    Toy = Callable[..., Pipeline]

CHECK = "training.class_weights"
COUNTS = np.array([40, 8])


def skewed(rows: Dataset) -> Dataset:
    """Keep 40 rows of the first class and 8 of the second."""
    labels = np.array(rows["labels"])
    return rows.select(np.concatenate([np.flatnonzero(labels == name)[:count] for name, count in enumerate(COUNTS)]))


@pytest.fixture
def weighed(judged: Judged, toy: Toy, kit: SimpleNamespace) -> Callable[..., list[Finding]]:
    """Judge a Trainer of 40 and 8 rows whose loss has these weights."""

    def many(rows: Dataset) -> Dataset:
        return skewed(kit.rows(200, 1)) if len(rows) > 32 else rows

    def judge(weights: Any, reduction: str = "mean") -> list[Finding]:
        given = torch.as_tensor(np.asarray(weights), dtype=torch.float32)

        def loss(logits: Any, labels: Any) -> Any:
            value = cross_entropy(logits, labels, weight=given, reduction=reduction)
            return value.mean() if reduction == "none" else value

        return judged(CHECK, toy(kit.trainer_with(loss), rows=many))

    return judge


@pytest.mark.parametrize("reduction", ["mean", "none", "sum"])
@pytest.mark.parametrize("weights", [[1, 1], 1 / COUNTS, COUNTS**-0.5, [1, 3]])
def test_sound_weights_are_quiet(weighed: Callable[..., list[Finding]], weights: Any, reduction: str) -> None:
    assert weighed(weights, reduction) == []


@pytest.mark.parametrize("reduction", ["mean", "none", "sum"])
@pytest.mark.parametrize("weights", [1 / COUNTS[::-1], COUNTS[::-1] ** -0.5])
def test_weights_in_another_order_are_found(
    weighed: Callable[..., list[Finding]], weights: Any, reduction: str
) -> None:
    (finding,) = weighed(weights, reduction)
    assert finding.level == "fail"
    assert finding.observed.startswith("the same weights in another order: ")
    assert "(40 rows)" in finding.observed


def test_a_frequent_class_that_weighs_more_is_a_warning(weighed: Callable[..., list[Finding]]) -> None:
    (finding,) = weighed([1.5, 1])
    assert finding.level == "warn"


def test_a_loss_of_something_else_is_not_judged(judged: Judged, toy: Toy, kit: SimpleNamespace) -> None:
    constant = kit.trainer_with(lambda logits, _: logits.sum() * 0)
    with pytest.raises(NotApplicable, match="does not depend on the logits of each row"):
        judged(CHECK, toy(constant))
