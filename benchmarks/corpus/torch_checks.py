"""pytest-torch's checks on what a Trainer holds, as somebody who uses it would write them: score.py --torch runs this.

Its fixture for Trainers makes a new one with arguments of its own; it has no check that takes one. These take a model,
a batch, an optimizer or a step, and all four are the Trainer's own here.
"""

from __future__ import annotations

import copy
import importlib
import os
from typing import Any

import pytest
import torch

torch_checks: Any = importlib.import_module("pytest_torch")
TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}  # as its own tests of a model from a hub have it
STEPS = 20
MODEL_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def make() -> Any:
    """Return a new Trainer of the case."""
    return getattr(importlib.import_module("train"), os.environ["CORPUS_FACTORY"])()


@pytest.fixture
def trainer() -> Any:
    """A Trainer of the case, before training."""
    return make()


@pytest.fixture
def batch(trainer: Any) -> Any:
    """Its first train batch."""
    first = trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))  # noqa: SLF001 - as its own step does
    return {name: value for name, value in first.items() if isinstance(value, torch.Tensor)}


class WithLoss(torch.nn.Module):
    """A model that answers with the Trainer's loss."""

    def __init__(self, trainer: Any, model: Any) -> None:
        """Keep both."""
        super().__init__()
        self.model = model
        self.compute = trainer.compute_loss

    def forward(self, **batch: Any) -> Any:
        """Return the loss."""
        return self.compute(self.model, dict(batch))


def itself(loss: Any) -> Any:
    """Take the loss for the loss."""
    return loss


def test_inference_contract(trainer: Any, batch: Any) -> None:
    """Inference says the same twice, and of a row alone what it says of it in a batch."""
    torch_checks.check_inference_contract(trainer.model.eval(), batch, **TOLERANCE)


def test_padding(trainer: Any, batch: Any) -> None:
    """More padding changes nothing."""
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask") if name in batch}
    pad = getattr(trainer.processing_class, "pad_token_id", None) or 0
    torch_checks.assert_padding_invariant(trainer.model.eval(), inputs, pad_value=pad, **TOLERANCE)


def test_mask(trainer: Any, batch: Any) -> None:
    """A token under the mask changes nothing."""
    inputs = {name: batch[name] for name in MODEL_INPUTS if name in batch}
    if "attention_mask" not in inputs or inputs["attention_mask"].all():
        pytest.skip("no token of the batch is masked")
    words = getattr(getattr(trainer.model, "config", None), "vocab_size", None)
    torch_checks.assert_mask_invariant(trainer.model.eval(), inputs, vocab_size=words, **TOLERANCE)


def test_checkpoint_roundtrip(trainer: Any, batch: Any) -> None:
    """The weights go through a file."""
    torch_checks.assert_checkpoint_roundtrip(lambda: make().model, batch, model=trainer.model.eval(), **TOLERANCE)


def test_gradients_finite(trainer: Any, batch: Any) -> None:
    """No gradient is NaN or infinite."""
    model = WithLoss(trainer, copy.deepcopy(trainer.model).train())
    torch_checks.assert_gradients_finite(model, batch, itself)


def test_gradients_everywhere(trainer: Any, batch: Any) -> None:
    """Every trainable parameter gets a gradient."""
    model = WithLoss(trainer, copy.deepcopy(trainer.model).train())
    torch_checks.assert_all_params_receive_grad(model, batch, itself)


def test_optimizer_coverage(trainer: Any) -> None:
    """Every trainable parameter is in the optimizer."""
    torch_checks.assert_optimizer_coverage(trainer.model, optimizer_of(trainer))


def test_training(trainer: Any) -> None:
    """Some steps update, with finite numbers."""
    run = torch_checks.run_training(
        lambda: (trainer.model, optimizer_of(trainer)),
        [trainer._prepare_inputs(batch) for batch in trainer.get_train_dataloader()],  # noqa: SLF001 - as above
        loss_fn=lambda model, batch: trainer.compute_loss(model, dict(batch)),
        steps=STEPS,
    )
    run.assert_healthy()


def optimizer_of(trainer: Any) -> Any:
    """Return the Trainer's optimizer; an accelerator has not wrapped it yet."""
    return trainer.optimizer or trainer.create_optimizer()
