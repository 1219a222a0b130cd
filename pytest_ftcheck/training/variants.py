"""Other ways to compute the same training, each a function of a pipeline. Shapes: B rows, T columns.

Their ``repr`` distinguishes short fine-tunes.
"""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from pytest_ftcheck.pipeline.trainer_changes import ChangedModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_ftcheck.pipeline.parts import Pipeline

    Features = list[dict[str, Any]]

_MATRIX = 2
_TF32 = 2.0**-10
"""Spacing of the numbers just above 1 in TensorFloat-32."""


@dataclass(frozen=True)
class Rounded:
    """Rounds differently: measures by how much two correct computations of the same training may differ.

    Each output value of each layer with weights is multiplied, at every step, by a random number within half a unit in
    the last place around 1: random rounding (Parker, Pierce and Eggert, "Monte Carlo arithmetic", Computing in Science
    & Engineering 2(4), 2000). The rows of each batch are also permuted, which changes the order of sums.
    """

    seed: int
    permuted: bool = True
    """False keeps the order of the rows, for comparisons row by row."""

    def __call__(self, pipeline: Pipeline) -> Pipeline:
        """Return the pipeline with random rounding."""
        changed = replace(pipeline, model_init=ChangedModel(pipeline.model_init, partial(_round, seed=self.seed)))
        if not self.permuted:
            return changed
        return replace(changed, data_collator=Permuted(pipeline.data_collator, self.seed))


@dataclass(frozen=True)
class Attention:
    """Computes attention with an implementation of transformers."""

    implementation: str
    """``eager`` or ``sdpa``."""

    def __call__(self, pipeline: Pipeline) -> Pipeline:
        """Return the pipeline with this implementation."""
        change = partial(set_attention, implementation=self.implementation)
        return replace(pipeline, model_init=ChangedModel(pipeline.model_init, change))


@dataclass(frozen=True)
class Checkpointed:
    """Recomputes activations in the backward pass."""

    options: tuple[tuple[str, Any], ...]
    """Pairs of ``gradient_checkpointing_kwargs``."""

    def __call__(self, pipeline: Pipeline) -> Pipeline:
        """Return the pipeline with gradient checkpointing."""
        return replace(pipeline, model_init=ChangedModel(pipeline.model_init, partial(_checkpoint, self.options)))


@dataclass(frozen=True)
class Padded:
    """Adds a few columns of padding to every batch."""

    columns: int
    longest: int
    """Maximum number of columns that the model accepts."""
    pad_id: int
    left: bool

    def __call__(self, pipeline: Pipeline) -> Pipeline:
        """Return the pipeline with more padding."""
        return replace(pipeline, data_collator=_PaddedBatches(pipeline.data_collator, self))


@dataclass(frozen=True)
class Permuted:
    """A collator that permutes the rows of each batch."""

    data_collator: Callable[[Features], Mapping[str, Any]]
    seed: int

    def __call__(self, features: Features) -> Mapping[str, Any]:
        """Make the batch; the order depends only on the seed and the number of rows."""
        order = torch.randperm(len(features), generator=torch.Generator().manual_seed(self.seed)).tolist()
        return self.data_collator([features[place] for place in order])


@dataclass(frozen=True)
class _PaddedBatches:
    data_collator: Callable[[Features], Mapping[str, Any]]
    how: Padded

    def __call__(self, features: Features) -> dict[str, Any]:
        batch = dict(self.data_collator(features))
        ids = batch.get("input_ids")
        if not isinstance(ids, torch.Tensor) or ids.dim() != _MATRIX:
            return batch
        columns = max(0, min(self.how.columns, self.how.longest - ids.shape[1]))
        sides = (columns, 0) if self.how.left else (0, columns)
        return {
            name: nn.functional.pad(value, sides, value=self.how.pad_id if name == "input_ids" else 0)
            if isinstance(value, torch.Tensor) and value.shape == ids.shape
            else value
            for name, value in batch.items()
        }


def set_attention(model: Any, implementation: str) -> None:
    """Choose the implementation of attention of a model, in place."""
    model.set_attn_implementation(implementation)


def _checkpoint(options: tuple[tuple[str, Any], ...], model: Any) -> None:
    with warnings.catch_warnings():  # transformers warns that it will rename the method
        warnings.simplefilter("ignore")
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=dict(options))


def _round(model: nn.Module, seed: int) -> None:
    rounding = _Rounding(seed)
    for module in model.modules():
        if any(True for _ in module.parameters(recurse=False)):
            module.register_forward_hook(rounding)


class _Rounding:
    """Multiplies outputs of layers by numbers within half a unit in the last place around 1."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}

    def __call__(self, module: nn.Module, args: Any, output: Any) -> Any:
        """Round one output; values that are not floating-point tensors stay unchanged."""
        del module, args
        if not isinstance(output, torch.Tensor) or not output.is_floating_point():
            return output
        device = output.device
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self._seed)
        exact = torch.float64 if output.dtype == torch.float32 and device.type != "mps" else torch.float32
        unit = torch.finfo(output.dtype).eps
        if (
            output.dtype == torch.float32
            and device.type == "cuda"
            and torch.get_float32_matmul_precision() != "highest"
        ):
            unit = _TF32
        draws = torch.rand(output.shape, generator=self._generators[device], device=device, dtype=torch.float32)
        return (output.to(exact) * (1 + unit * (draws.to(exact) - 0.5))).to(output.dtype)


def attention_of(model: Any) -> str:
    """Return the name of a model's attention implementation; an empty string where it is unknown."""
    return str(getattr(getattr(model, "config", None), "_attn_implementation", "") or "")


def has_attention(model: Any) -> bool:
    """Whether transformers can choose between implementations of attention for this model."""
    return inspect.ismethod(getattr(model, "set_attn_implementation", None)) and bool(
        getattr(model, "_supports_sdpa", False)
    )
