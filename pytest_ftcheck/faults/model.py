"""Faults of the forward pass: what the model makes of its inputs. Those of head and weights stand in `weights`."""

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
    seen_in_practice="A forward of one's own names the argument mask, gets attention_mask as a keyword among others, "
    "and never uses it.",
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
    seen_in_practice="A BatchNorm in the head, or a similarity that is normalised over the batch: what one row gets "
    "depends on its neighbours.",
)
def rows_mixed(pipeline: Pipeline) -> Pipeline:
    """The logits are centred over the batch, so that a row's depend on the other rows."""
    return with_head(pipeline, _centre)


def _centre(model: nn.Module) -> None:
    _, layer = last_linear(model)
    layer.register_forward_hook(_centred)


def _centred(module: nn.Module, args: Any, output: Tensor) -> Tensor:
    del module, args
    return output - output.mean(dim=0, keepdim=True) if len(output) > 1 else output


@fault(
    caught_by=("model.eval_deterministic",),
    seen_in_practice="torch.nn.functional.dropout drops by default, whatever mode the model is in.",
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
    seen_in_practice="A pad token is added to the tokenizer of a decoder and never told to the model, which then "
    "reads the last position of a row.",
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
    seen_in_practice="Only the tokens up to the first separator are pooled, in a head that was written for single "
    "sentences.",
)
def second_segment_ignored(pipeline: Pipeline) -> Pipeline:
    """The model is blind to whatever follows the first separator."""
    require_pair(pipeline)
    separator = tokenizer_of(pipeline).sep_token_id
    if separator is None:
        msg = "its tokenizer has no separator"
        raise NotApplicable(msg)
    return with_model(pipeline, partial(_blind_after, separator=int(separator)))


def _blind_after(model: nn.Module, separator: int) -> None:
    body_of(model).register_forward_pre_hook(partial(_first_segment, separator=separator), with_kwargs=True)


def _first_segment(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], separator: int
) -> tuple[Any, dict[str, Any]]:
    """Mask all after the first separator."""
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
    seen_in_practice="Position embeddings are sliced away when a checkpoint is converted or its "
    "max_position_embeddings is changed.",
)
def positions_lost(pipeline: Pipeline) -> Pipeline:
    """The position embeddings are all zero: a row is a bag of words."""
    found = [name for name, _ in pipeline.model_init().named_parameters() if "position_embeddings" in name]
    if not found:
        msg = "its model has no position embeddings of its own"
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
    seen_in_practice="The pooled output is taken before the layers have seen the text, or of a position that is the "
    "same in every row.",
)
def input_ignored(pipeline: Pipeline) -> Pipeline:
    """The head reads a vector that is the same whatever the text is."""
    return with_head(pipeline, _blind_head)


def _blind_head(model: nn.Module) -> None:
    _, layer = last_linear(model)
    layer.register_forward_pre_hook(_ones_instead)


def _ones_instead(module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    del module
    # Times zero: so that gradients are there, and nothing.
    return (args[0] * 0 + 1, *args[1:])


@fault(
    caught_by=("model.gradient_checkpointing", "equivalence.gradient_checkpointing"),
    seen_in_practice="Gradient checkpointing recomputes a layer whose result depends on a counter or on dropout of "
    "its own making.",
)
def recomputed_otherwise(pipeline: Pipeline) -> Pipeline:
    """A layer gives something else when gradient checkpointing runs it again."""
    model = pipeline.model_init()
    if len(_norms(model)) < _TWO or not getattr(model, "supports_gradient_checkpointing", False):
        msg = "its model has no gradient checkpointing"
        raise NotApplicable(msg)
    return with_model(pipeline, _count_calls)


def _norms(model: nn.Module) -> list[nn.Module]:
    return [module for module in body_of(model).modules() if isinstance(module, torch.nn.LayerNorm)]


def _count_calls(model: nn.Module) -> None:
    layers = _norms(model)
    # Not the last one: within its layer, nothing is computed from what it gives.
    layers[-2].register_forward_hook(_CountedScale())


class _CountedScale:
    """Scales every second output: as a layer that quantises or anneals by the number of its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, module: nn.Module, args: Any, output: Tensor) -> Tensor:
        """Scale what comes out while the model trains."""
        del args
        if not module.training:
            return output
        self.calls += 1
        return output * (1.0 + 0.5 * (self.calls % 2))


@fault(
    caught_by=("model.settings",),
    seen_in_practice="keep_prob of an older framework is given to nn.Dropout, which takes the share that is dropped.",
)
def share_to_keep_as_dropout(pipeline: Pipeline) -> Pipeline:
    """Dropout drops nine values of ten."""
    if not any(isinstance(module, nn.Dropout) for module in pipeline.model_init().modules()):
        msg = "its model has no dropout"
        raise NotApplicable(msg)
    return with_model(pipeline, _drop_most)


def _drop_most(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.9
