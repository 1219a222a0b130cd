"""Faults of the training loop: planted in functions that any loop calls, so that both engines have them.

Other modules have the faults of the order of rows (`sampling`), of the optimizer (`optimizer`), of evaluation,
checkpoints and resuming (`evaluation`), and those that only a comparison of two ways to train shows (`ways`).
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from transformers import get_constant_schedule

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.planting import (
    last_linear,
    nothing,
    with_args,
    with_head,
    with_model,
    with_patch,
    with_scaled_losses,
)
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW
from pytest_ftcheck.pipeline.trainer_source import TrainerSource

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pytest_ftcheck.pipeline.parts import Pipeline

_OVERFLOWS = 1e7
_NAN_AT = 3
_FAR = 1000.0
_DRY_RUN = 4


@fault(
    caught_by=("training.gradients_cleared",),
    seen_in_practice="A training loop is rewritten, for example for gradient accumulation, and optimizer.zero_grad() "
    "is omitted.",
)
def zero_grad_missing(pipeline: Pipeline) -> Pipeline:
    """Gradients are never set to zero, so that every step uses the sum of all gradients so far."""
    return with_patch(pipeline, nothing, "torch.optim:Optimizer.zero_grad", "torch.nn:Module.zero_grad")


@fault(
    caught_by=("training.accumulation",),
    seen_in_practice="loss.backward() is called for each micro-batch and the loss is not divided; the Trainer itself "
    "did so with models that ignore num_items_in_batch.",
)
def loss_not_divided(pipeline: Pipeline) -> Pipeline:
    """Under gradient accumulation, the gradients of the micro-batches are summed instead of averaged."""
    return with_scaled_losses(pipeline, float)


@fault(
    caught_by=("training.finite_loss",),
    seen_in_practice="One unusual row makes the loss NaN; the Trainer's log shows the average of the steps before, and "
    "training continues.",
)
def nan_under_the_log_filter(pipeline: Pipeline) -> Pipeline:
    """The loss becomes NaN at the third step, and the log filter hides it."""
    return with_args(with_model(pipeline, _poison), logging_nan_inf_filter=True)


def _poison(model: nn.Module) -> None:
    model.register_forward_hook(_Poison())


class _Poison:
    """Makes all outputs NaN in one forward pass of training."""

    def __init__(self) -> None:
        self.passes = 0

    def __call__(self, module: nn.Module, args: Any, output: Any) -> Any:
        """Count the calls, and make one output NaN."""
        del args
        if not module.training:
            return output
        self.passes += 1
        return _scaled(output, math.nan) if self.passes == _NAN_AT else output


def _scaled(output: Any, factor: float) -> Any:
    """Multiply all tensors of an output."""
    if isinstance(output, torch.Tensor):
        return output * factor
    if hasattr(output, "items"):
        return type(output)(**{name: _scaled(value, factor) for name, value in output.items()})
    if isinstance(output, (tuple, list)):
        return type(output)(_scaled(value, factor) for value in output)
    return output


@fault(
    caught_by=("training.finite_loss",),
    seen_in_practice="Checkpoints that were trained in bfloat16, such as T5, overflow in their feed-forward layers in "
    "float16.",
)
def fp16_overflow(pipeline: Pipeline) -> Pipeline:
    """A layer computes in float16, and its activations exceed the range of float16."""
    return with_head(pipeline, _large_activations)


def _large_activations(model: nn.Module) -> None:
    """Scale the head's input up in float16 and its output down: the same function, except that float16 overflows."""
    _, layer = last_linear(model)
    layer.register_forward_pre_hook(_up)
    layer.register_forward_hook(_down)


def _up(module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    del module
    return ((args[0] * _OVERFLOWS).half().to(args[0]), *args[1:])


def _down(module: nn.Module, args: Any, output: Tensor) -> Tensor:
    del module, args
    return output / _OVERFLOWS


@fault(
    needs=(CLASSES, LABEL_PER_ROW),
    caught_by=("training.precision",),
    seen_in_practice="A prior or a temperature adds the same large number to all logits, which does not change the "
    "softmax in float32; near 1000, two neighbouring numbers of bfloat16 differ by 4.",
)
def digits_lost_in_bf16(pipeline: Pipeline) -> Pipeline:
    """The logits are near 1000, and the model trains in bfloat16."""
    return with_args(with_head(pipeline, _far_from_zero), bf16=True, fp16=False)


def _far_from_zero(model: nn.Module) -> None:
    _, layer = last_linear(model)
    layer.register_forward_hook(_offset)


def _offset(module: nn.Module, args: Any, output: Tensor) -> Tensor:
    del module, args
    return output + _FAR


@fault(
    caught_by=("model.logits_shape",),
    seen_in_practice="compute_loss is overridden and returns (loss, logits) instead of (loss, outputs): the Trainer "
    "uses outputs[1:] as the logits, and each batch loses a row.",
)
def logits_for_outputs(pipeline: Pipeline) -> Pipeline:
    """compute_loss returns the logits instead of the model's outputs."""
    return with_patch(
        pipeline,
        _logits_alone,
        "transformers:Trainer.compute_loss",
        "pytest_ftcheck.training.manual:loss_of_model",
    )


def _logits_alone(original: Any, *args: Any, **kwargs: Any) -> Any:
    found = original(*args, **kwargs)
    if not isinstance(found, tuple):
        return found
    loss, outputs = found
    return loss, outputs["logits"] if hasattr(outputs, "keys") else outputs[-1]


@fault(
    caught_by=("training.mask_reaches_model",),
    seen_in_practice="compute_loss is overridden and calls model(inputs['input_ids']), without the other inputs.",
)
def mask_not_passed(pipeline: Pipeline) -> Pipeline:
    """The loss is computed without passing the attention mask to the model."""
    return with_patch(
        pipeline,
        _loss_without_mask,
        "transformers:Trainer.compute_loss",
        "pytest_ftcheck.training.manual:loss_of_model",
    )


def _loss_without_mask(original: Any, *args: Any, **kwargs: Any) -> Any:
    fewer = [_unmasked(value) for value in args]
    return original(*fewer, **{name: _unmasked(value) for name, value in kwargs.items()})


def _unmasked(value: Any) -> Any:
    """Remove the mask from a batch."""
    if not hasattr(value, "keys") or "input_ids" not in value:
        return value
    return {name: tensor for name, tensor in value.items() if name != "attention_mask"}


@fault(
    whole_run=True,
    caught_by=("training.extent",),
    seen_in_practice="max_steps was set by an environment variable, a sweep or a dry run, and is never removed.",
)
def steps_of_a_dry_run(pipeline: Pipeline) -> Pipeline:
    """Training ends after four optimizer steps."""
    return with_args(pipeline, max_steps=_DRY_RUN)


@fault(
    caught_by=("training.train_mode",),
    seen_in_practice="model.eval() is called for the metrics during training, without model.train() after it: dropout "
    "is off for the rest of the run.",
)
def train_mode_forgotten(pipeline: Pipeline) -> Pipeline:
    """The model is trained in evaluation mode."""
    return with_patch(pipeline, _eval_only, "torch.nn:Module.train")


def _eval_only(original: Any, module: nn.Module, mode: bool = True) -> nn.Module:  # noqa: FBT001, FBT002 - as torch has it
    found: nn.Module = module if mode else original(module, mode)
    return found


@fault(
    caught_by=("training.engine_parity",),
    engines=("manual",),
    seen_in_practice="A custom loop replaces the Trainer, and has no warm-up and no schedule.",
)
def loop_without_schedule(pipeline: Pipeline) -> Pipeline:
    """The manual loop keeps the learning rate constant and ignores the recipe's schedule."""
    return with_patch(pipeline, _constant, "pytest_ftcheck.training.manual:make_scheduler")


def _constant(original: Any, optimizer: Any, args: Any, steps: int) -> Any:
    del original, args, steps
    return get_constant_schedule(optimizer)


@fault(
    caught_by=("training.hooks_called",),
    seen_in_practice="create_optimizer_and_scheduler is overridden, but the train loop of transformers 5 does not call "
    "this method.",
)
def hook_of_an_older_release(pipeline: Pipeline) -> Pipeline:
    """A user's Trainer overrides a method that this release does not call."""
    if not isinstance(pipeline.source, TrainerSource):
        msg = "the task has no subclass of the Trainer"
        raise NotApplicable(msg)
    source: Any = copy(pipeline.source)
    kind = type(source.template)
    source.template = copy(source.template)
    source.template.__class__ = type(kind.__name__, (kind,), {"prediction_loop": lambda *_, **__: None})
    return replace(pipeline, source=source)
