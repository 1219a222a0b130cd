"""Finds callbacks and Trainers that keep weights during training without a copy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_OF = 0.5
"""Fraction of a model's tensors from which a mapping counts as its weights."""


def kept_by_reference(trainer: Any) -> list[str]:
    """Return the names of attributes that hold ``model.state_dict()`` without a copy.

    Such tensors share the memory of the weights, and change with each optimizer step. Parameters themselves
    (``named_parameters()``) are references on purpose.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    places = {name: tensor.data_ptr() for name, tensor in model.state_dict().items()}
    return [name for name, held in _attributes(trainer) if _shares(held, places)]


def _attributes(trainer: Any) -> Iterator[tuple[str, Any]]:
    """Yield the attributes of the Trainer and its callbacks, and the entries of their containers."""
    for owner in (trainer, *trainer.callback_handler.callbacks):
        for name, value in vars(owner).items():
            label = f"{type(owner).__name__}.{name}"
            yield label, value
            if isinstance(value, (list, tuple)):
                yield from ((label, entry) for entry in value)
            elif isinstance(value, dict):
                yield from ((label, entry) for entry in value.values())


def _shares(held: Any, places: Mapping[str, int]) -> bool:
    if not isinstance(held, Mapping) or len(held) < _MOST_OF * len(places):
        return False
    tensors = [value for value in held.values() if isinstance(value, torch.Tensor)]
    if len(tensors) != len(held) or any(isinstance(value, torch.nn.Parameter) for value in tensors):
        return False
    own = set(places.values())
    return sum(value.data_ptr() in own for value in tensors) >= _MOST_OF * len(tensors)
