"""Faults that make two equivalent ways to train differ; a single run does not show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.planting import last_linear, with_head, with_model, with_scaled_losses
from pytest_ftcheck.training.variants import attention_of, has_attention

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pytest_ftcheck.pipeline.parts import Pipeline

_THOUSANDTH = 1.001


@fault(
    caught_by=("equivalence.accumulation",),
    seen_in_practice="The loss of each micro-batch is divided by a slightly wrong number of rows: that of the batch "
    "before, the epoch's average, or a number that includes padded rows.",
)
def accumulated_loss_off_by_a_thousandth(pipeline: Pipeline) -> Pipeline:
    """Under gradient accumulation, the loss of each micro-batch is 0.1% too large."""
    return with_scaled_losses(pipeline, _a_little_more)


def _a_little_more(micro_batches: int) -> float:
    return _THOUSANDTH if micro_batches > 1 else 1.0


@fault(
    caught_by=("equivalence.attention",),
    seen_in_practice="Custom attention is written for the mask of scaled_dot_product_attention; the eager "
    "implementation, which a server or an export uses, never gets a mask.",
)
def mask_ignored_by_eager(pipeline: Pipeline) -> Pipeline:
    """Eager attention does not use the mask; sdpa attention does."""
    if not has_attention(pipeline.model_init()):
        msg = "the model has only one implementation of attention"
        raise NotApplicable(msg)
    return with_model(pipeline, _forget_mask)


def _forget_mask(model: nn.Module) -> None:
    model.register_forward_pre_hook(_without_mask_if_eager, with_kwargs=True)


def _without_mask_if_eager(
    model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if attention_of(model) == "eager" and "attention_mask" in kwargs:
        kwargs = {**kwargs, "attention_mask": torch.ones_like(kwargs["attention_mask"])}
    return args, kwargs


@fault(
    caught_by=("equivalence.compiled",),
    seen_in_practice="A branch on torch.compiler.is_compiling() avoids an operator that does not compile, and scales "
    "by another number.",
)
def compiled_otherwise(pipeline: Pipeline) -> Pipeline:
    """The head returns 0.1% larger logits when it is compiled."""
    return with_head(pipeline, _branch)


def _branch(model: nn.Module) -> None:
    _, layer = last_linear(model)
    layer.register_forward_hook(_scaled_if_compiled)


def _scaled_if_compiled(module: nn.Module, args: Any, output: Tensor) -> Tensor:
    del module, args
    return output * _THOUSANDTH if torch.compiler.is_compiling() else output
