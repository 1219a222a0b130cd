"""What a model's forward pass takes, whatever wraps the model."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn


def is_adapter(model: nn.Module) -> bool:
    """Tell whether a model is an adapter of PEFT around another one."""
    return hasattr(model, "peft_config")


def token_embeddings(model: Any) -> torch.nn.Embedding | None:
    """Return the matrix ``[V, H]`` of token embeddings; None where the model has none, or does not say which it is."""
    try:
        found = unwrapped(model).get_input_embeddings()
    except (NotImplementedError, AttributeError):  # a class of one's own need not tell
        return None
    return found if isinstance(found, torch.nn.Embedding) else None


def unwrapped(model: nn.Module) -> Any:
    """Return the model inside an adapter of PEFT; any other model itself."""
    wrapper: Any = model
    return wrapper.get_base_model() if is_adapter(model) else wrapper


def forward_parameters(model: nn.Module) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of the forward pass by name, as the Trainer reads them to choose columns.

    An adapter without a task type takes ``*args, **kwargs``: those of the model inside are meant.
    """
    return inspect.signature(unwrapped(model).forward).parameters
