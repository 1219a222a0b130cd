"""``torch_compile`` in the manual engine: few shapes, each compiled before the timing starts."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.columns import list_lengths
from pytest_ftcheck.compat.of_torch import inductor_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn
    from transformers import TrainingArguments

    from pytest_ftcheck.training.prepared import Prepared

_VARIABLES = "ACCELERATE_DYNAMO_"
_LENGTHS = 4
"""Maximum number of padded lengths."""
_MULTIPLE = 8
"""Each length is a multiple of this number, for tensor cores (NVIDIA, Deep Learning Performance)."""


def compile_forward(model: nn.Module, args: TrainingArguments) -> None:
    """Compile the forward of a model, if the recipe requests it, with its backend and mode; hooks are not compiled.

    The module stays the same object: its weights keep their names, and `uncompiled` runs it without the compiler. On a
    CPU, dropout uses PyTorch's own random numbers: Inductor's code draws them one by one, and increased the time of
    MiniLM in bfloat16 by half.
    """
    if not args.torch_compile:
        return
    backend, mode = str(args.torch_compile_backend), args.torch_compile_mode
    how: dict[str, Any] = {"mode": mode}
    if backend == "inductor" and args.device.type == "cpu":
        how = {"options": {**inductor_options(mode or "default"), "fallback_random": True}}
    model.forward = torch.compile(model.forward, backend=backend, **how)


@contextmanager
def uncompiled(args: TrainingArguments) -> Iterator[None]:
    """Run compiled code eagerly in this context, because the judged model is served without the compiler."""
    if not args.torch_compile:
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


@contextmanager
def own_dynamo_environment() -> Iterator[None]:
    """Restore the environment at the end: `TrainingArguments` sets variables that make all later runs compile."""
    before = {name: os.environ[name] for name in os.environ if name.startswith(_VARIABLES)}
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith(_VARIABLES)]:
            del os.environ[name]
        os.environ.update(before)


def of_few_lengths(collator: Callable[..., Any], longest: int) -> Callable[..., Any]:
    """Return a collator that pads to at most four lengths, so that the number of compilations is bounded.

    Args:
        collator: a collator of transformers with ``pad_to_multiple_of``; any other is returned unchanged, and the
            compiler uses one dynamic graph for all lengths.
        longest: number of tokens of the longest row.

    """
    name = "pad_to_multiple_of"
    if not is_dataclass(collator) or name not in {field.name for field in fields(collator)} or getattr(collator, name):
        return collator
    changed: Callable[..., Any] = replace(collator, **{name: _step(longest)})  # type: ignore[type-var]  # it is a dataclass
    return changed


def _step(longest: int) -> int:
    return -(-longest // (_LENGTHS * _MULTIPLE)) * _MULTIPLE


def compile_shapes(parts: Prepared) -> None:
    """Run forward and backward for every shape of batches; restore random numbers, gradients and buffers."""
    loader, model, device = parts.train_loader, parts.model, parts.accelerator.device
    buffers = {name: buffer.detach().clone() for name, buffer in model.named_buffers()}
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        for rows in _one_batch_of_each_shape(loader):
            batch = {name: value.to(device) for name, value in loader.collate_fn(rows).items()}
            parts.accelerator.backward(parts.compute_loss(model.train(), batch))
    parts.optimizer.zero_grad()
    for name, buffer in model.named_buffers():
        buffer.copy_(buffers[name])


def _one_batch_of_each_shape(loader: Any) -> Iterator[list[Any]]:
    """Yield a batch of one repeated row for each padded length and each number of rows."""
    rows, size = loader.dataset, loader.batch_size or loader.batch_sampler.batch_size
    last = 0 if loader.drop_last else len(rows) % size
    lengths = list_lengths(rows, "input_ids").tolist()
    step = _step(max(lengths))
    one_of_each = {-(-length // step): index for index, length in enumerate(lengths)}
    for count in dict.fromkeys(count for count in (min(size, len(rows)), last) if count):
        for index in one_of_each.values():
            yield [rows[index]] * count
