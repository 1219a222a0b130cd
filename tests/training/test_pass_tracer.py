"""The passes of a run: their rows, their labels, the mode of the model, and what reaches it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch

from pytest_ftcheck.training.fingerprint import fingerprint_rows
from tests.training.traced import PAD, ROWS, Model, adamw, batch, train

if TYPE_CHECKING:
    from pytest_ftcheck.training.tracer import Tracer


# -- rows, labels and modes -------------------------------------------------------------------------------------------


def test_passes_hold_rows_labels_and_batches(tracer: Tracer, model: Model) -> None:
    optimizer = adamw(model)
    for epoch in range(2):
        tracer.begin_epoch()
        train(tracer, model, optimizer, steps=2)
        model.eval()
        with tracer.evaluating(), torch.no_grad():
            given = batch(ROWS[epoch], labels=[1])
            tracer.eval_batch(given)
            model(**given)
    passes = tracer.finish().passes
    assert [seen.kind for seen in passes] == ["train", "eval"] * 2
    assert passes[0].rows == tuple(fingerprint_rows(ROWS, PAD)) * 2
    assert passes[0].labels == (0.0, 1.0, 0.0, 1.0) * 2
    assert passes[0].batch_sizes == (4, 4)
    assert passes[3].rows == tuple(fingerprint_rows([ROWS[1]], PAD))
    assert [seen.in_train_mode for seen in passes] == [True, False] * 2
    assert not any(seen.weights_changed for seen in passes if seen.kind == "eval")


def test_evaluation_that_trains_is_seen(tracer: Tracer, model: Model) -> None:
    with tracer.evaluating(), torch.no_grad():
        given = batch(*ROWS)
        tracer.eval_batch(given)
        model.train()(**given)
        model.head.weight.add_(0.1)
    (seen,) = tracer.finish().passes
    assert seen.in_train_mode
    assert seen.weights_changed


def test_training_in_eval_mode_is_seen(tracer: Tracer, model: Model) -> None:
    given = batch(*ROWS)
    tracer.train_batch(given)
    model.eval()(**given)
    assert not tracer.finish().passes[0].in_train_mode


@pytest.mark.parametrize("labels", [None, [[0.5, 0.5], [1.0, 0.0]]], ids=["none", "mixed"])
def test_labels_that_are_not_one_a_row_are_none(tracer: Tracer, labels: Any) -> None:
    given = batch(ROWS[0], ROWS[1])
    given["labels"] = torch.tensor(labels) if labels else given.pop("attention_mask")[:, :0]
    tracer.train_batch(given)
    assert all(math.isnan(label) for label in tracer.finish().passes[0].labels)


@pytest.mark.parametrize("given", [{}, {"input_ids": [[1, 2]]}, {"input_ids": torch.ones(2)}])
def test_batches_without_token_ids_are_not_noted(tracer: Tracer, given: dict[str, Any]) -> None:
    tracer.train_batch(given)
    assert tracer.finish().passes == ()


# -- what reaches the model -------------------------------------------------------------------------------------------


def test_keywords_are_those_that_every_pass_had(tracer: Tracer, model: Model) -> None:
    given = batch(*ROWS)
    model(**given)
    model(given["input_ids"], given["attention_mask"])
    with torch.no_grad():
        model(given["input_ids"], attention_mask=None)
    trace = tracer.finish()
    assert trace.forward_keys == ("attention_mask", "input_ids")
    assert trace.eval_forward_keys == ("input_ids",)


def test_padding_without_a_mask_is_seen(tracer: Tracer, model: Model) -> None:
    model(batch(ROWS[0], ROWS[0])["input_ids"])
    assert not tracer.finish().padded_without_mask
    model(**batch(*ROWS))
    assert not tracer.finish().padded_without_mask
    model(batch(*ROWS)["input_ids"])
    assert tracer.finish().padded_without_mask
