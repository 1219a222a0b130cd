"""Faults of the optimizer, its learning rate and its schedule."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from torch.optim.lr_scheduler import LambdaLR

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.compat.of_torch import scheduler_steps
from pytest_ftcheck.faults.fault import FLOOR, fault
from pytest_ftcheck.faults.planting import with_args, with_model, with_patch

if TYPE_CHECKING:
    from torch import nn

    from pytest_ftcheck.pipeline.parts import Pipeline

_DEFAULT_RATE = 5e-5
_TOO_HIGH = 1000.0
_DECAY = 0.01
_OPTIMIZER = "torch.optim:Optimizer.__init__"
_SCHEDULER = "torch.optim.lr_scheduler:LRScheduler.step"


@fault(
    caught_by=("training.schedule",),
    seen_in_practice="The scheduler is stepped in the loop, and once more by a callback or by Accelerate, to which it "
    "was passed.",
)
def scheduler_stepped_twice(pipeline: Pipeline) -> Pipeline:
    """The learning rate schedule is stepped twice for every optimizer step."""
    return with_patch(pipeline, _twice, _SCHEDULER)


def _twice(original: Any, scheduler: Any, *args: Any, **kwargs: Any) -> None:
    original(scheduler, *args, **kwargs)
    if scheduler_steps(scheduler) > 1:  # the constructor makes the first step
        original(scheduler, *args, **kwargs)


@fault(
    caught_by=("training.schedule",),
    seen_in_practice="scheduler.step() is lost when a loop is rewritten: if the schedule has a warm-up, the learning "
    "rate stays 0.",
)
def scheduler_not_stepped(pipeline: Pipeline) -> Pipeline:
    """The learning rate schedule is never stepped."""
    return with_patch(pipeline, _first_only, _SCHEDULER)


def _first_only(original: Any, scheduler: Any, *args: Any, **kwargs: Any) -> None:
    if scheduler_steps(scheduler) == 0:
        original(scheduler, *args, **kwargs)


@fault(
    caught_by=("training.optimizer_settings",),
    seen_in_practice="AdamW(parameters, betas=(0.999, 0.9)): the loss hardly changes for an epoch, and falls late.",
)
def betas_exchanged(pipeline: Pipeline) -> Pipeline:
    """Adam's two betas are swapped: the gradients are averaged over a thousand steps, their squares over ten."""
    return with_args(pipeline, adam_beta1=0.999, adam_beta2=0.9)


@fault(
    caught_by=("training.gradients_reach",),
    seen_in_practice="clip_grad_norm_(parameters, 0): the Trainer's max_grad_norm=0 means no clipping, but torch then "
    "sets all gradients to zero.",
)
def clipped_to_0(pipeline: Pipeline) -> Pipeline:
    """Gradients are clipped to the norm 0."""
    if float(pipeline.args.get("max_grad_norm", 1.0)) <= 0:
        msg = "the recipe does not clip gradients"
        raise NotApplicable(msg)
    return with_patch(pipeline, _clip_to_0, "accelerate:Accelerator.clip_grad_norm_")


def _clip_to_0(original: Any, accelerator: Any, parameters: Any, max_norm: float, *args: Any, **kwargs: Any) -> Any:
    # The Trainer clips to infinity when it needs only the norm.
    return original(accelerator, parameters, 0.0 if math.isfinite(max_norm) else max_norm, *args, **kwargs)


@fault(
    caught_by=("model.dtype",),
    seen_in_practice="model.half() to save memory: Adam's epsilon of 1e-8 is 0 in float16, and so is the square of a "
    "small gradient.",
)
def weights_in_fp16(pipeline: Pipeline) -> Pipeline:
    """The weights are float16, and so are their updates."""
    return with_model(with_args(pipeline, fp16=False, bf16=False), _halve)


def _halve(model: nn.Module) -> None:
    model.half()


def _rate(pipeline: Pipeline) -> float:
    """Return the recipe's learning rate.

    Raises:
        NotApplicable: a user's Trainer has its own optimizer.

    """
    if pipeline.source.own.optimizer is not None:
        msg = "the Trainer was given an optimizer, which TrainingArguments do not change"
        raise NotApplicable(msg)
    return float(pipeline.args.get("learning_rate", _DEFAULT_RATE))


@fault(
    caught_by=("training.parameters_move", "training.learning_rate"),
    seen_in_practice="A configuration file reads the learning rate as an integer, or the warm-up is as long as the "
    "run.",
)
def learning_rate_0(pipeline: Pipeline) -> Pipeline:
    """The learning rate is 0."""
    _rate(pipeline)
    return with_args(pipeline, learning_rate=0.0)


@fault(
    whole_run=True,
    caught_by=("training.loss_falls", FLOOR),
    seen_in_practice="5e-2 is written instead of 5e-5, or the learning rate comes from a recipe for training from "
    "scratch.",
)
def learning_rate_1000_times_too_high(pipeline: Pipeline) -> Pipeline:
    """The learning rate is a thousand times too high."""
    return with_args(pipeline, learning_rate=_rate(pipeline) * _TOO_HIGH)


@fault(
    caught_by=("training.optimizer_groups", "training.parameters_move"),
    seen_in_practice="Groups are made by patterns of parameter names, and layers that match no pattern are in no "
    "group.",
)
def half_not_in_optimizer(pipeline: Pipeline) -> Pipeline:
    """Every second parameter is in no group of the optimizer."""
    return with_patch(pipeline, _every_second, _OPTIMIZER)


def _every_second(original: Any, optimizer: Any, params: Any, *args: Any, **kwargs: Any) -> None:
    groups = [dict(group) if isinstance(group, dict) else group for group in params]
    if groups and isinstance(groups[0], dict):
        groups = [{**group, "params": list(group["params"])[::2]} for group in groups]
    else:
        groups = groups[::2]
    original(optimizer, groups, *args, **kwargs)


@fault(
    caught_by=("training.weight_decay",),
    seen_in_practice="AdamW(model.parameters(), weight_decay=…) decays biases and the scales of normalisation layers "
    "with the rest.",
)
def everything_decays(pipeline: Pipeline) -> Pipeline:
    """Weight decay is also applied to biases and normalisation layers."""
    if not pipeline.args.get("weight_decay"):
        pipeline = with_args(pipeline, weight_decay=_DECAY)
    return with_patch(pipeline, _decay_all, _OPTIMIZER)


def _decay_all(original: Any, optimizer: Any, params: Any, defaults: dict[str, Any], *args: Any) -> None:
    groups = list(params)
    if groups and isinstance(groups[0], dict):
        decay = max(group.get("weight_decay", defaults.get("weight_decay", 0.0)) for group in groups)
        groups = [{**group, "weight_decay": decay} for group in groups]
    original(optimizer, groups, defaults, *args)


@fault(
    whole_run=True,
    caught_by=("metrics.last_epoch",),
    seen_in_practice="A second stage should have a lower learning rate, which is written with one or two zeros too "
    "few.",
)
def second_stage_too_fast(pipeline: Pipeline) -> Pipeline:
    """The second half of the training has a hundred times the learning rate, and its last weights are kept."""
    if _epochs(pipeline) < 2:  # a good epoch, and a bad epoch
        pipeline = with_args(pipeline, num_train_epochs=2)
    last = with_args(
        pipeline, load_best_model_at_end=False, save_strategy="no", eval_strategy="epoch", max_grad_norm=0.0
    )
    return with_patch(
        last, _two_stages, "transformers.trainer:get_scheduler", "pytest_ftcheck.training.manual:get_scheduler"
    )


def _epochs(pipeline: Pipeline) -> float:
    return float(pipeline.args.get("num_train_epochs", 3))


def _two_stages(original: Any, name: Any, optimizer: Any, *, num_training_steps: int, **others: Any) -> Any:
    del original, name, others
    return LambdaLR(optimizer, partial(_factor, half=num_training_steps // 2))


def _factor(step: int, half: int) -> float:
    return 1.0 if step < half else 100.0
