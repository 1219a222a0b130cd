"""``torch_compile`` in the manual engine: few shapes, and each compiled before a clock runs."""

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
"""Lengths that batches are padded to, at most."""
_MULTIPLE = 8
"""Of which each length is one: what tensor cores like (NVIDIA, Deep Learning Performance)."""


def compile_forward(model: nn.Module, args: TrainingArguments) -> None:
    """Compile what a model computes, where the recipe says so, with its backend and mode; hooks stay outside.

    The module stays what it is: its weights keep their names, and `uncompiled` runs it as it was. On a CPU, dropout
    draws as it does without the compiler: what Inductor makes of it there draws number by number, and took MiniLM in
    bfloat16 half as long again.
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
    """Run compiled code as it was written meanwhile: what is judged is the model as it is served."""
    if not args.torch_compile:
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


@contextmanager
def own_dynamo_environment() -> Iterator[None]:
    """Restore the environment afterwards: `TrainingArguments` asks Accelerate there to compile, and all later runs."""
    before = {name: os.environ[name] for name in os.environ if name.startswith(_VARIABLES)}
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith(_VARIABLES)]:
            del os.environ[name]
        os.environ.update(before)


def of_few_lengths(collator: Callable[..., Any], longest: int) -> Callable[..., Any]:
    """Let a collator pad to at most four lengths, so that a model is compiled a bounded number of times.

    Args:
        collator: one of transformers' with ``pad_to_multiple_of``; any other is returned as it is, and the compiler
            falls back to one graph for all lengths.
        longest: tokens of the longest row.

    """
    name = "pad_to_multiple_of"
    if not is_dataclass(collator) or name not in {field.name for field in fields(collator)} or getattr(collator, name):
        return collator
    changed: Callable[..., Any] = replace(collator, **{name: _step(longest)})  # type: ignore[type-var]  # it is one
    return changed


def _step(longest: int) -> int:
    return -(-longest // (_LENGTHS * _MULTIPLE)) * _MULTIPLE


def compile_shapes(parts: Prepared) -> None:
    """Train on a batch of every shape that will come, and forget it: random numbers, gradients and buffers stay."""
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
    """Yield a row as often as a batch has rows, for a row of each length that batches are padded to."""
    rows, size = loader.dataset, loader.batch_size or loader.batch_sampler.batch_size
    last = 0 if loader.drop_last else len(rows) % size
    lengths = list_lengths(rows, "input_ids").tolist()
    step = _step(max(lengths))
    one_of_each = {-(-length // step): index for index, length in enumerate(lengths)}
    for count in dict.fromkeys(count for count in (min(size, len(rows)), last) if count):
        for index in one_of_each.values():
            yield [rows[index]] * count
