"""What is the user's own in how their Trainer trains."""

from __future__ import annotations

from types import MethodType, SimpleNamespace
from typing import Any

import pytest
from torch.utils.data import BatchSampler, RandomSampler, SequentialSampler
from transformers import Trainer

from pytest_ftcheck.pipeline.own_parts import TrainerOwnParts


class WithSteps(Trainer):
    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError(args, kwargs)


class WithOptimizer(Trainer):
    def create_optimizer(self, *args: Any, **kwargs: Any) -> Any:
        del args, kwargs
        self.lr_scheduler: Any = object()


class WithLoader(Trainer):
    loader: Any

    def get_train_dataloader(self) -> Any:
        return self.loader


def trainer(kind: type[Trainer] = Trainer, **parts: Any) -> Any:
    """A Trainer with these parts alone; it was never made as a whole."""
    made = kind.__new__(kind)
    vars(made).update({"optimizer": None, "lr_scheduler": None, "optimizer_cls_and_kwargs": None} | parts)
    return made


def test_a_trainer_of_the_library_has_no_own_methods() -> None:
    own = TrainerOwnParts(trainer())
    assert own.trainer_class is Trainer
    assert own.methods("compute_loss", "training_step") == ()
    assert not own.makes_optimizer
    assert not own.makes_schedule
    assert own.sampler is None


def test_methods_of_a_subclass_and_of_one_object_are_own() -> None:
    made = trainer(WithSteps)
    made.compute_loss = MethodType(lambda self, model, inputs: (self, model, inputs), made)
    own = TrainerOwnParts(made)
    assert own.methods("training_step", "evaluate", "compute_loss") == ("training_step", "compute_loss")
    assert own.trainer_class is WithSteps


@pytest.mark.parametrize("given", [{"optimizer": object()}, {"optimizer_cls_and_kwargs": (object, {})}])
def test_an_optimizer_that_is_given_is_own(given: dict[str, Any]) -> None:
    own = TrainerOwnParts(trainer(**given))
    assert own.makes_optimizer
    assert not own.makes_schedule


def test_a_method_that_makes_the_optimizer_may_make_the_schedule() -> None:
    own = TrainerOwnParts(trainer(WithOptimizer))
    assert own.makes_optimizer
    assert own.makes_schedule
    assert own.lr_scheduler is not None


def test_parts_are_read_from_the_trainer() -> None:
    callbacks = [object()]
    parts: dict[str, Any] = {"compute_loss_func": sum, "lr_scheduler": object(), "model": SimpleNamespace()}
    made = trainer(callback_handler=SimpleNamespace(callbacks=callbacks), **parts)
    own = TrainerOwnParts(made)
    assert (own.compute_loss_func, own.lr_scheduler) == (sum, made.lr_scheduler)
    assert own.model_class is SimpleNamespace
    assert list(own.callbacks) == callbacks
    assert own.makes_schedule


class InTurn(BatchSampler):
    """Batches by a rule of the user's."""


@pytest.mark.parametrize(
    ("batches", "found"),
    [
        (BatchSampler(SequentialSampler(range(4)), 2, drop_last=False), SequentialSampler),
        (BatchSampler(RandomSampler(range(4)), 2, drop_last=False), RandomSampler),
        (InTurn(SequentialSampler(range(4)), 2, drop_last=False), InTurn),
    ],
)
def test_what_draws_the_rows_of_an_own_loader_is_named(batches: BatchSampler, found: type) -> None:
    own = TrainerOwnParts(trainer(WithLoader, loader=SimpleNamespace(batch_sampler=batches)))
    assert type(own.sampler) is found
