"""Micro-batches of an optimizer step count by their rows, or by their labelled tokens."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate import Accelerator

from pytest_ftcheck.training.optimizer_step import optimizer_step, weights_of

IGNORED = -100


def tokens(*labels: list[int]) -> dict[str, torch.Tensor]:
    return {"input_ids": torch.ones(len(labels), len(labels[0])).long(), "labels": torch.tensor(labels)}


@pytest.mark.parametrize(
    ("micro_batches", "weights"),
    [
        ([tokens([1, IGNORED], [2, 3]), tokens([IGNORED, 1])], [0.75, 0.25]),
        ([tokens([1, 2]), tokens([IGNORED, IGNORED])], [1.0, 0.0]),
        ([tokens([IGNORED]), tokens([IGNORED])], [1.0, 1.0]),
        ([tokens([IGNORED])], [1.0]),
        ([{"labels": torch.tensor([0.5, 0.5, 1.0])}, {"labels": torch.tensor([1.0])}], [0.75, 0.25]),
    ],
    ids=["by tokens", "one without a label", "none with a label", "one", "values"],
)
def test_weights_are_fractions_of_rows_or_labelled_tokens(micro_batches: Any, weights: list[float]) -> None:
    assert weights_of(micro_batches) == weights


def step(*micro_batches: dict[str, torch.Tensor]) -> tuple[float, torch.Tensor]:
    """Take an optimizer step of a small model; return its loss and the gradient that the optimizer got."""
    torch.manual_seed(0)
    model = torch.nn.Embedding(2, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    seen: list[torch.Tensor] = []
    optimizer.register_step_pre_hook(lambda *_: seen.append(model.weight.grad.clone()))  # type: ignore[union-attr]  # backward made it

    def compute_loss(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        logits = model(batch["input_ids"])
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten(), ignore_index=IGNORED)

    recorder: Any = SimpleNamespace(tracer=SimpleNamespace(train_batch=lambda _: None), micro_step=lambda _: None)
    loss = optimizer_step(
        Accelerator(cpu=True),
        model,
        optimizer,
        list(micro_batches),
        compute_loss=compute_loss,
        max_grad_norm=0.0,
        recorder=recorder,
    )
    return float(loss), seen[0]


def test_a_micro_batch_without_a_labelled_token_counts_nothing() -> None:
    labelled = tokens([1, 2], [3, IGNORED])
    loss, gradient = step(labelled, tokens([IGNORED, IGNORED]))
    alone, expected = step(labelled)
    assert loss == pytest.approx(alone)
    torch.testing.assert_close(gradient, expected)


def test_a_step_without_any_labelled_token_is_not_a_number() -> None:
    loss, _ = step(tokens([IGNORED]), tokens([IGNORED]))
    assert math.isnan(loss)
