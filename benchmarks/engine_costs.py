"""Where the time of a training step goes, by kind of operation: what stands between an engine and the matmul rate."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch.profiler import ProfilerActivity, profile

from machine import markdown_table
from pytest_ftcheck.speed.device import undisturbed
from pytest_ftcheck.speed.flops import formula_flops, non_embedding_parameters
from pytest_ftcheck.speed.measure import warm_up
from pytest_ftcheck.speed.peak import matmul_peak
from pytest_ftcheck.speed.step import TrainingStep

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline

KINDS = {
    "matrix products of linear layers": ("aten::mm", "aten::addmm", "mkldnn::_linear_pointwise"),
    "matrix products of attention": ("aten::bmm",),
    "dropout's masks": ("aten::bernoulli_", "aten::lt"),
    "optimizer": ("aten::_fused_adamw_", "Optimizer."),
    "norm and clipping of gradients": ("aten::linalg_vector_norm", "aten::_foreach_norm", "aten::_foreach_mul_"),
    "casts and copies": ("aten::copy_", "aten::_to_copy"),
    "zeros for the gradient of embeddings": ("aten::fill_", "aten::zero_"),
    "GELU, LayerNorm, softmax, masks, sums": ("aten::",),
}
"""The first kind that a name belongs to; the rest is Python, autograd and the profiler."""
REST = "Python, collator, autograd"
PASSES = 3


def costs_table(pipeline: Pipeline, threads: int) -> str:
    """Profile the manual engine's step in both dtypes, and render the shares of its time."""
    found = {}
    with undisturbed(threads, "cpu", fast=True):
        for name, bf16 in (("float32", False), ("bfloat16", True)):
            step = TrainingStep(replace(pipeline, args={**pipeline.args, "bf16": bf16}), device="cpu")
            warm_up(step)
            peak = matmul_peak(step.device, getattr(torch, name))
            found[name] = {**_shares(step), **_attained(step, peak)}
    rows = [[kind, *(f"{shares[kind]:.1%}" for shares in found.values())] for kind in found["float32"]]
    caption = (
        "Of the manual engine's step, by `torch.profiler`; the last two rows without it, against the rate as the "
        "engines multiply:"
    )
    return f"{caption}\n\n{markdown_table(['what', *found], rows)}"


def _shares(step: TrainingStep) -> dict[str, float]:
    """Return each kind's share of the time of a few passes over the step's batches."""
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        started = time.perf_counter()
        for _ in range(PASSES * len(step.work)):
            step.take()
        wall = time.perf_counter() - started
    seconds = dict.fromkeys(KINDS, 0.0)
    for event in profiled.key_averages():
        kind = next((kind for kind, names in KINDS.items() if event.key.startswith(names)), None)
        if kind is not None:
            seconds[kind] += event.self_cpu_time_total / 1e6
    return {**{kind: spent / wall for kind, spent in seconds.items()}, REST: 1 - sum(seconds.values()) / wall}


def _attained(step: TrainingStep, peak: float) -> dict[str, float]:
    """Return the step's share of the matmul rate, and that of its linear layers while nothing else runs."""
    started = time.perf_counter()
    for _ in range(PASSES * len(step.work)):
        step.take()
    seconds = (time.perf_counter() - started) / PASSES
    flops = sum(formula_flops(step.model, work) for work in step.work)
    padding = 1 - sum(work.tokens for work in step.work) / sum(work.positions for work in step.work)
    return {
        "padding, of the positions": padding,
        "operations, padding included, of the matmul rate": flops / seconds / peak,
        "linear layers alone, of the matmul rate": _linear_rate(step) / peak,
    }


def _linear_rate(step: TrainingStep) -> float:
    """Measure the operations a second of the linear layers' matrix products, in their shapes."""
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for _ in step.work:
            step.take()
    names = KINDS["matrix products of linear layers"]
    seconds = sum(float(event.self_cpu_time_total) for event in profiled.key_averages() if event.key in names) / 1e6
    positions = sum(work.positions for work in step.work)
    return 6.0 * non_embedding_parameters(step.model) * positions / seconds
