"""Inputs and outputs of a model's forward pass, also for a wrapped model."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.columns import label_names_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn


def is_adapter(model: nn.Module) -> bool:
    """Whether a model is a PEFT adapter of another model."""
    return hasattr(model, "peft_config")


def token_embeddings(model: Any) -> torch.nn.Embedding | None:
    """Return the token embeddings ``[V, H]``; None where the model has none, or does not declare them."""
    try:
        found = unwrapped(model).get_input_embeddings()
    except (NotImplementedError, AttributeError):  # a user's own class may not implement it
        return None
    return found if isinstance(found, torch.nn.Embedding) else None


def unwrapped(model: nn.Module) -> Any:
    """Return the model inside a PEFT adapter; any other model unchanged."""
    wrapper: Any = model
    return wrapper.get_base_model() if is_adapter(model) else wrapper


def logits_in(output: Any) -> Any:
    """Return the logits of a model's output, ``[B, …]``; start and end logits are stacked to ``[B, T, 2]``."""
    if "start_logits" in output and "end_logits" in output:
        return torch.stack([output["start_logits"], output["end_logits"]], dim=-1)
    return output["logits"]


def labels_in(batch: Mapping[str, Any]) -> Any:
    """Return the labels of a batch, ``[B, …]``; first and last tokens are stacked; None where it has no labels."""
    names = label_names_in(batch)
    if len(names) > 1:
        return torch.stack([torch.as_tensor(batch[name]) for name in names], dim=-1)
    return batch[names[0]] if names else None


def with_labels(batch: Mapping[str, Any], labels: Any) -> dict[str, Any]:
    """Return the batch with other labels, ``[B, …]`` as `labels_in` returns them, each column in its own shape."""
    names = label_names_in(batch)
    columns = [labels] if len(names) == 1 else labels.unbind(dim=-1)
    given = zip(names, columns, strict=True)
    return {**batch, **{name: column.reshape(batch[name].shape).to(batch[name].device) for name, column in given}}


def forward_parameters(model: nn.Module) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of the forward pass by name, as the Trainer reads them to choose columns.

    An adapter without a task type takes ``*args, **kwargs``: then the parameters of the inner model are returned.
    """
    return inspect.signature(unwrapped(model).forward).parameters
