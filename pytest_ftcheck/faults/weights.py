"""Faults of the head, of the weights, and of which weights are trained."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.planting import body_of, head_of, last_linear, with_head, with_model
from pytest_ftcheck.heads.traits import CLASS_IDS

if TYPE_CHECKING:
    from torch import nn

    from pytest_ftcheck.pipeline.parts import Pipeline

_SCALE = 50.0


@fault(
    caught_by=("model.logits_shape", "data.label_names", "training.completes"),
    seen_in_practice="num_labels includes a class that was dropped later, or is the highest id plus two.",
)
def head_too_wide(pipeline: Pipeline) -> Pipeline:
    """The head has one output more than the task has classes."""
    return with_head(pipeline, _widen)


def _widen(model: Any) -> None:
    name, layer = last_linear(model)
    wider = torch.nn.Linear(
        layer.in_features, layer.out_features + 1, bias=layer.bias is not None, dtype=layer.weight.dtype
    )
    torch.nn.init.normal_(wider.weight, std=float(layer.weight.detach().std()))
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, wider.to(layer.weight.device))
    model.config.num_labels += 1
    if hasattr(model, "num_labels"):
        model.num_labels = model.config.num_labels


@fault(
    caught_by=("model.gradients",),
    seen_in_practice="A loop over model.named_parameters() freezes all parameters; it should freeze only the body.",
)
def head_not_trained(pipeline: Pipeline) -> Pipeline:
    """The new head is frozen at its random values."""
    return with_model(pipeline, _freeze_head)


def _freeze_head(model: nn.Module) -> None:
    for parameter in head_of(model):
        parameter.requires_grad_(False)  # noqa: FBT003 - torch takes it by place


@fault(
    caught_by=("model.gradients",),
    seen_in_practice="The body is frozen while the head is warmed up, and never unfrozen.",
)
def body_frozen(pipeline: Pipeline) -> Pipeline:
    """All parameters except the head are frozen by accident."""
    return with_model(pipeline, _freeze_body)


def _freeze_body(model: nn.Module) -> None:
    for parameter in body_of(model).parameters():
        parameter.requires_grad_(False)  # noqa: FBT003 - torch takes it by place


@fault(
    caught_by=("model.gradients", "training.gradients_reach"),
    seen_in_practice="The body runs under torch.no_grad(), or its output is detached, in a forward that was written to "
    "extract features.",
)
def body_detached(pipeline: Pipeline) -> Pipeline:
    """The body's output is detached: its parameters require gradients and get none."""
    return with_model(pipeline, _detach_body)


def _detach_body(model: nn.Module) -> None:
    body_of(model).register_forward_hook(_detached)


def _detached(module: nn.Module, args: Any, output: Any) -> Any:
    del module, args
    if isinstance(output, torch.Tensor):
        return output.detach()
    if hasattr(output, "items"):
        return type(output)(**{name: value.detach() if _is_tensor(value) else value for name, value in output.items()})
    return tuple(value.detach() if _is_tensor(value) else value for value in output)


def _is_tensor(value: object) -> bool:
    return isinstance(value, torch.Tensor)


@fault(
    caught_by=("model.new_weights",),
    seen_in_practice="AutoModel.from_config builds the architecture with random weights; a prefix of the weights' "
    "names that does not match has the same effect, with only a warning in the log.",
)
def body_not_loaded(pipeline: Pipeline) -> Pipeline:
    """The body has random weights instead of the checkpoint's."""
    return with_model(pipeline, _forget_body)


def _forget_body(model: nn.Module) -> None:
    """Draw the weights by the seed that drew the head: a Trainer sets it again before its model can be changed."""
    head = sum(float(parameter.detach().double().abs().sum()) for parameter in head_of(model))
    generator = torch.Generator().manual_seed(int(head * 1e6))
    with torch.no_grad():
        for parameter in body_of(model).parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.02)


@fault(
    caught_by=("model.loss_at_start",),
    seen_in_practice="A head with a custom initialisation does not scale its weights by the size of its input.",
)
def head_too_large(pipeline: Pipeline) -> Pipeline:
    """The head starts with weights so large that the first loss is far above that of guessing."""
    return with_head(pipeline, _enlarge_head)


def _enlarge_head(model: nn.Module) -> None:
    _, layer = last_linear(model)
    with torch.no_grad():
        layer.weight.mul_(_SCALE)


@fault(
    caught_by=("training.finite_loss", "model.loss_at_start"),
    seen_in_practice="torch.empty makes a new row of the embeddings or the head; its memory is not initialised.",
)
def weight_not_finite(pipeline: Pipeline) -> Pipeline:
    """One weight of the head is NaN from the start."""
    return with_head(pipeline, _spoil_head)


def _spoil_head(model: nn.Module) -> None:
    _, layer = last_linear(model)
    with torch.no_grad():
        layer.weight.view(-1)[0] = float("nan")


@fault(
    caught_by=("model.dtype",),
    seen_in_practice="The body is loaded in half precision to save memory, and the head is made in float32, or vice "
    "versa.",
)
def half_of_the_model_in_half(pipeline: Pipeline) -> Pipeline:
    """One layer has weights of another precision than the rest."""
    return with_model(pipeline, _half_body)


def _half_body(model: nn.Module) -> None:
    body_of(model).to(torch.bfloat16)


@fault(
    needs=(CLASS_IDS,),
    caught_by=("data.label_names", "serving.label_names"),
    seen_in_practice="id2label is written by hand, in another order than that of the class ids.",
)
def label_names_swapped(pipeline: Pipeline) -> Pipeline:
    """The names in the model's configuration belong to other class ids."""
    return with_model(pipeline, _swap_names)


def _swap_names(model: Any) -> None:
    names = [model.config.id2label[index] for index in sorted(model.config.id2label)]
    model.config.id2label = dict(enumerate(reversed(names)))
    model.config.label2id = {name: index for index, name in model.config.id2label.items()}


@fault(
    needs=(CLASS_IDS,),
    caught_by=("data.label_names", "serving.label_names"),
    seen_in_practice="num_labels is given and id2label is not: pipeline() returns LABEL_0, and its caller does not "
    "know which class this is.",
)
def label_names_generic(pipeline: Pipeline) -> Pipeline:
    """The model names its classes LABEL_0, LABEL_1 and so on."""
    if all(name.startswith("LABEL_") for name in pipeline.card.label_names):
        msg = "the classes have no names"
        raise NotApplicable(msg)
    return with_model(pipeline, _number_names)


def _number_names(model: Any) -> None:
    model.config.id2label = {index: f"LABEL_{index}" for index in range(model.config.num_labels)}
    model.config.label2id = {name: index for index, name in model.config.id2label.items()}


@fault(
    caught_by=("model.train_mode_drops",),
    seen_in_practice="train() is overridden to freeze the statistics of a BatchNorm, and thereby also turns dropout "
    "off.",
)
def train_mode_overridden(pipeline: Pipeline) -> Pipeline:
    """The model's train() leaves it in evaluation mode."""
    return with_model(pipeline, _stay_in_evaluation)


def _stay_in_evaluation(model: Any) -> None:
    model.train = partial(_evaluate, model)


def _evaluate(model: nn.Module, mode: bool = True) -> nn.Module:  # noqa: FBT001, FBT002 - as torch has it
    """Ignore the requested mode."""
    del mode
    for module in model.modules():
        module.training = False
    return model
