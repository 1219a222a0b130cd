"""Faults of the forward pass; faults of the head and the weights are in the module `weights`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.planting import body_of, last_linear, require_pair, tokenizer_of, with_head, with_model

if TYPE_CHECKING:
    from torch import Tensor

    from pytest_ftcheck.pipeline.parts import Pipeline

_DROPOUT = 0.1
_TWO = 2


@fault(
    caught_by=("model.attention_mask_used", "model.padding_invariance", "equivalence.padding"),
    seen_in_practice="A custom forward has an argument named mask, receives attention_mask in **kwargs, and never uses "
    "it.",
)
def mask_ignored(pipeline: Pipeline) -> Pipeline:
    """The model gets an attention mask and does not use it."""
    return with_model(pipeline, _ignore_mask)


def _ignore_mask(model: nn.Module) -> None:
    body_of(model).register_forward_pre_hook(_without_mask, with_kwargs=True)


def _without_mask(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Drop the mask, as a keyword or as the second argument."""
    del module
    kwargs = {name: value for name, value in kwargs.items() if name != "attention_mask"}
    return (args[0], None, *args[2:]) if len(args) > 1 else args, kwargs


@fault(
    caught_by=("model.batch_invariance", "equivalence.evaluation_batches"),
    seen_in_practice="The head has a BatchNorm, or a similarity is normalised over the batch: the logits of a row "
    "depend on the other rows.",
)
def rows_mixed(pipeline: Pipeline) -> Pipeline:
    """The logits are centred over the batch, so that a row's logits depend on the other rows."""
    return with_head(pipeline, _centre)


def _centre(model: nn.Module) -> None:
    _, layer = last_linear(model)
    layer.register_forward_hook(_centred)


def _centred(module: nn.Module, args: Any, output: Tensor) -> Tensor:
    del module, args
    return output - output.mean(dim=0, keepdim=True) if len(output) > 1 else output


@fault(
    caught_by=("model.eval_deterministic",),
    seen_in_practice="torch.nn.functional.dropout drops by default, in train and in evaluation mode.",
)
def dropout_always_on(pipeline: Pipeline) -> Pipeline:
    """Dropout is active in evaluation mode, because it is called as a function."""
    return with_head(pipeline, _drop_always)


def _drop_always(model: nn.Module) -> None:
    _, layer = last_linear(model)
    layer.register_forward_pre_hook(_dropped)


def _dropped(module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    del module
    return (torch.nn.functional.dropout(args[0], _DROPOUT), *args[1:])


@fault(
    caught_by=("model.pad_token_id",),
    seen_in_practice="A pad token is added to a decoder's tokenizer, but config.pad_token_id is not set: the model "
    "then reads the logits at the last position of each row, which is padding.",
)
def pad_token_unknown_to_model(pipeline: Pipeline) -> Pipeline:
    """The model's pad_token_id is not the tokenizer's."""
    tokenizer = tokenizer_of(pipeline)
    other = tokenizer.unk_token_id
    if other is None or other == tokenizer.pad_token_id:
        other = (tokenizer.pad_token_id or 0) + 1
    return with_model(pipeline, partial(_set_pad_id, pad_id=int(other)))


def _set_pad_id(model: Any, pad_id: int) -> None:
    model.config.pad_token_id = pad_id


@fault(
    caught_by=("model.second_segment",),
    seen_in_practice="The head was written for single sentences, and pools only the tokens up to the first separator.",
)
def second_segment_ignored(pipeline: Pipeline) -> Pipeline:
    """The model ignores all tokens after the first separator."""
    require_pair(pipeline)
    separator = tokenizer_of(pipeline).sep_token_id
    if separator is None:
        msg = "the tokenizer has no separator"
        raise NotApplicable(msg)
    return with_model(pipeline, partial(_blind_after, separator=int(separator)))


def _blind_after(model: nn.Module, separator: int) -> None:
    body_of(model).register_forward_pre_hook(partial(_first_segment, separator=separator), with_kwargs=True)


def _first_segment(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], separator: int
) -> tuple[Any, dict[str, Any]]:
    """Mask all tokens after the first separator."""
    del module
    ids = args[0] if args else kwargs["input_ids"]
    ends = (ids == separator).long()
    seen = (ends.cumsum(dim=1) - ends == 0).long()
    given = kwargs.get("attention_mask", args[1] if len(args) > 1 else None)
    mask = seen if given is None else given * seen
    return (args[0], mask, *args[2:]) if len(args) > 1 else args, kwargs if len(args) > 1 else {
        **kwargs,
        "attention_mask": mask,
    }


@fault(
    caught_by=("model.token_order",),
    seen_in_practice="Position embeddings are lost when a checkpoint is converted or its max_position_embeddings is "
    "changed.",
)
def positions_lost(pipeline: Pipeline) -> Pipeline:
    """The position embeddings are all zero, so that the model cannot see the order of tokens."""
    found = [name for name, _ in pipeline.model_init().named_parameters() if "position_embeddings" in name]
    if not found:
        msg = "the model has no learned position embeddings"
        raise NotApplicable(msg)
    return with_model(pipeline, _forget_positions)


def _forget_positions(model: nn.Module) -> None:
    for name, parameter in model.named_parameters():
        if "position_embeddings" in name:
            with torch.no_grad():
                parameter.zero_()
            parameter.requires_grad_(False)  # noqa: FBT003 - torch takes it by place


@fault(
    caught_by=("model.input_matters", "metrics.not_constant", "training.overfits_batch"),
    seen_in_practice="The pooled output is taken before the first layer, or at a position that has the same token in "
    "every row.",
)
def input_ignored(pipeline: Pipeline) -> Pipeline:
    """The head reads a vector that is the same for every text."""
    return with_head(pipeline, _blind_head)


def _blind_head(model: nn.Module) -> None:
    _, layer = last_linear(model)
    layer.register_forward_pre_hook(_ones_instead)


def _ones_instead(module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    del module
    # Times zero, so that gradients exist and are zero.
    return (args[0] * 0 + 1, *args[1:])


@fault(
    caught_by=("model.gradient_checkpointing", "equivalence.gradient_checkpointing"),
    seen_in_practice="Gradient checkpointing recomputes a layer whose output depends on a counter or on a custom "
    "dropout.",
)
def recomputed_otherwise(pipeline: Pipeline) -> Pipeline:
    """A layer has another output when gradient checkpointing recomputes it."""
    model = pipeline.model_init()
    if len(_norms(model)) < _TWO or not getattr(model, "supports_gradient_checkpointing", False):
        msg = "the model does not support gradient checkpointing"
        raise NotApplicable(msg)
    return with_model(pipeline, _count_calls)


def _norms(model: nn.Module) -> list[nn.Module]:
    return [module for module in body_of(model).modules() if isinstance(module, torch.nn.LayerNorm)]


def _count_calls(model: nn.Module) -> None:
    layers = _norms(model)
    # Not the last module of the layer: nothing in the layer is computed from its output.
    layers[-2].register_forward_hook(_CountedScale())


class _CountedScale:
    """Scales every second output, like a layer that quantises or anneals by the number of its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, module: nn.Module, args: Any, output: Tensor) -> Tensor:
        """Scale the output while the model trains."""
        del args
        if not module.training:
            return output
        self.calls += 1
        return output * (1.0 + 0.5 * (self.calls % 2))


@fault(
    caught_by=("model.settings",),
    seen_in_practice="keep_prob of an older framework is passed to nn.Dropout, whose argument is the fraction that is "
    "dropped.",
)
def share_to_keep_as_dropout(pipeline: Pipeline) -> Pipeline:
    """Dropout drops nine of ten values."""
    if not any(isinstance(module, nn.Dropout) for module in pipeline.model_init().modules()):
        msg = "the model has no dropout"
        raise NotApplicable(msg)
    return with_model(pipeline, _drop_most)


def _drop_most(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.9
