"""Faults of the training loop, wherever it stands: planted into what any loop calls, so that both engines have them.

Those of the optimizer stand in `optimizer`, those of evaluation, checkpoints and resuming in `evaluation`, those that
show only beside another way to train in `ways`.
"""

from __future__ import annotations

import math
import os
from copy import copy
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from transformers import get_constant_schedule

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.planting import (
    labels_of,
    last_linear,
    nothing,
    with_args,
    with_chosen,
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
_SAMPLERS = ("torch.utils.data:RandomSampler.__iter__", "transformers.trainer_pt_utils:LengthGroupedSampler.__iter__")


@fault(
    caught_by=("training.gradients_cleared",),
    seen_in_practice="A training loop is rewritten, for accumulation say, and optimizer.zero_grad() does not come "
    "along.",
)
def zero_grad_missing(pipeline: Pipeline) -> Pipeline:
    """Gradients are never set back, so that every step takes the sum of all before it."""
    return with_patch(pipeline, nothing, "torch.optim:Optimizer.zero_grad", "torch.nn:Module.zero_grad")


@fault(
    caught_by=("training.accumulation",),
    seen_in_practice="loss.backward() is called for each micro-batch and nobody divides; the Trainer itself did so "
    "with models that ignore num_items_in_batch.",
)
def loss_not_divided(pipeline: Pipeline) -> Pipeline:
    """Under gradient accumulation, the gradients of the micro-batches are added up and not averaged."""
    return with_scaled_losses(pipeline, float)


@fault(
    caught_by=("training.finite_loss",),
    seen_in_practice="One odd row makes the loss NaN; the Trainer's log shows the average of the steps before, and "
    "training goes on.",
)
def nan_under_the_log_filter(pipeline: Pipeline) -> Pipeline:
    """The loss becomes NaN at the third step, and the log filter hides it."""
    return with_args(with_model(pipeline, _poison), logging_nan_inf_filter=True)


def _poison(model: nn.Module) -> None:
    model.register_forward_hook(_Poison())


class _Poison:
    """Makes everything NaN in one forward pass of training."""

    def __init__(self) -> None:
        self.passes = 0

    def __call__(self, module: nn.Module, args: Any, output: Any) -> Any:
        """Count, and spoil one output."""
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
    seen_in_practice="Checkpoints that were trained in bfloat16, T5 among them, overflow in their feed-forward layers "
    "in float16.",
)
def fp16_overflow(pipeline: Pipeline) -> Pipeline:
    """A layer computes in float16, and its activations are larger than that can hold."""
    return with_head(pipeline, _large_activations)


def _large_activations(model: nn.Module) -> None:
    """Scale what goes into the head in float16, and what comes out: the same function, if the numbers did fit."""
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
    seen_in_practice="A prior or a temperature moves all logits by the same large number, which a softmax forgives in "
    "float32; numbers near 1000 are 4 apart in bfloat16.",
)
def digits_lost_in_bf16(pipeline: Pipeline) -> Pipeline:
    """The logits lie around a thousand, and it trains in bfloat16."""
    return with_args(with_head(pipeline, _far_from_zero), bf16=True, fp16=False)


def _far_from_zero(model: nn.Module) -> None:
    _, layer = last_linear(model)
    layer.register_forward_hook(_offset)


def _offset(module: nn.Module, args: Any, output: Tensor) -> Tensor:
    del module, args
    return output + _FAR


@fault(
    caught_by=("training.seeds",),
    seen_in_practice="dataset.shuffle() without a seed, or a generator that is seeded by the clock.",
)
def shuffled_without_seed(pipeline: Pipeline) -> Pipeline:
    """The order of the train rows is drawn anew for every run, whatever the seed."""
    return with_patch(pipeline, _drawn_anew, *_SAMPLERS)


def _drawn_anew(original: Any, sampler: Any) -> Any:
    sampler.generator = torch.Generator().manual_seed(int.from_bytes(os.urandom(6), "big"))
    return original(sampler)


@fault(
    needs=(LABEL_PER_ROW,),
    whole_run=True,
    caught_by=("training.shuffled",),
    seen_in_practice="A file sorted by class goes into DataLoader(…) without shuffle=True: the last class is what is "
    "remembered.",
)
def sorted_without_shuffling(pipeline: Pipeline) -> Pipeline:
    """The train rows are sorted by label and trained on in that order."""
    labels = labels_of(pipeline, "train")
    order = sorted(range(len(labels)), key=labels.__getitem__)
    return with_patch(with_chosen(pipeline, "train", order), _in_order, *_SAMPLERS)


def _in_order(original: Any, sampler: Any) -> Any:
    del original
    return iter(range(len(sampler)))


@fault(
    caught_by=("training.rows_once",),
    seen_in_practice="RandomSampler(replacement=True), which a weighted sampler is by default.",
)
def drawn_with_replacement(pipeline: Pipeline) -> Pipeline:
    """An epoch draws its rows with replacement: some come twice and a third never."""
    return with_patch(pipeline, _with_replacement, *_SAMPLERS)


def _with_replacement(original: Any, sampler: Any) -> Any:
    order = list(original(sampler))
    draws = torch.randint(len(order), (len(order),), generator=torch.Generator().manual_seed(order[0]))
    return iter([order[int(place)] for place in draws])


@fault(
    caught_by=("training.rows_once",),
    seen_in_practice="WeightedRandomSampler gets one weight for each class, and takes them for those of the first "
    "rows.",
)
def sampled_by_weights_of_classes(pipeline: Pipeline) -> Pipeline:
    """An epoch draws as many rows as there are, all of them from the first few, one for each class."""
    drawn = partial(_first_rows, max(2, pipeline.card.num_labels))
    return with_patch(pipeline, drawn, *_SAMPLERS)


def _first_rows(count: int, original: Any, sampler: Any) -> Any:
    order = list(original(sampler))
    draws = torch.randint(count, (len(order),), generator=torch.Generator().manual_seed(order[0]))
    return iter(draws.tolist())


@fault(
    whole_run=True,
    caught_by=("training.shuffled",),
    seen_in_practice="A sampler makes its generator in __iter__, with one seed; or a distributed one never gets "
    "set_epoch().",
)
def one_order_for_all_epochs(pipeline: Pipeline) -> Pipeline:
    """Every epoch draws the rows in the same random order."""
    return with_patch(pipeline, _one_order, *_SAMPLERS)


def _one_order(original: Any, sampler: Any) -> Any:
    del original
    return iter(torch.randperm(len(sampler), generator=torch.Generator().manual_seed(7)).tolist())


@fault(
    caught_by=("model.logits_shape",),
    seen_in_practice="compute_loss is overridden and hands back (loss, logits): the Trainer takes what follows the "
    "first entry of the second for the logits, and each batch loses a row.",
)
def logits_for_outputs(pipeline: Pipeline) -> Pipeline:
    """compute_loss gives the logits where it is asked for the model's outputs."""
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
    seen_in_practice="compute_loss is overridden and calls model(inputs['input_ids']), with what seemed to be needed.",
)
def mask_not_passed(pipeline: Pipeline) -> Pipeline:
    """The loss is computed without handing the attention mask to the model."""
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
    """Take the mask out of a batch."""
    if not hasattr(value, "keys") or "input_ids" not in value:
        return value
    return {name: tensor for name, tensor in value.items() if name != "attention_mask"}


@fault(
    caught_by=("training.steps",),
    seen_in_practice="A break after a few batches stays in the loop from a dry run, while the schedule is made for "
    "the whole epoch.",
)
def epoch_cut_short(pipeline: Pipeline) -> Pipeline:
    """Every epoch ends after its first four batches."""
    return with_patch(pipeline, _first_batches, "torch.utils.data:BatchSampler.__iter__")


def _first_batches(original: Any, sampler: Any) -> Any:
    # Evaluation goes through its rows in order.
    evaluates = isinstance(sampler.sampler, torch.utils.data.SequentialSampler)
    return original(sampler) if evaluates else islice(original(sampler), _DRY_RUN)


@fault(
    whole_run=True,
    caught_by=("training.extent",),
    seen_in_practice="max_steps comes from an environment variable, a sweep or a dry run, and nobody takes it out "
    "again.",
)
def steps_of_a_dry_run(pipeline: Pipeline) -> Pipeline:
    """Training ends after four optimizer steps."""
    return with_args(pipeline, max_steps=_DRY_RUN)


@fault(
    caught_by=("training.train_mode",),
    seen_in_practice="model.eval() for the metrics in the middle of training, and no model.train() after it: no "
    "dropout from then on.",
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
    seen_in_practice="A loop of one's own is written to be the Trainer without its overhead, and lacks warm-up and "
    "schedule.",
)
def loop_without_schedule(pipeline: Pipeline) -> Pipeline:
    """The manual loop keeps the learning rate constant, whatever the recipe says."""
    return with_patch(pipeline, _constant, "pytest_ftcheck.training.manual:make_scheduler")


def _constant(original: Any, optimizer: Any, args: Any, steps: int) -> Any:
    del original, args, steps
    return get_constant_schedule(optimizer)


@fault(
    caught_by=("training.hooks_called",),
    seen_in_practice="create_optimizer_and_scheduler is overridden, which the train loop of transformers 5 does not "
    "call.",
)
def hook_of_an_older_release(pipeline: Pipeline) -> Pipeline:
    """A user's Trainer overrides a method that this release does not call."""
    if not isinstance(pipeline.source, TrainerSource):
        msg = "its Trainer is the library's own"
        raise NotApplicable(msg)
    source: Any = copy(pipeline.source)
    kind = type(source.template)
    source.template = copy(source.template)
    source.template.__class__ = type(kind.__name__, (kind,), {"prediction_loop": lambda *_, **__: None})
    return replace(pipeline, source=source)
