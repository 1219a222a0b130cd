"""The measurement of a step: warm up, time rounds of several steps, and collect all results."""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.compat.of_torch import compiled_graphs
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.speed.device import synchronize
from pytest_ftcheck.speed.flops import count_flops, formula_flops
from pytest_ftcheck.speed.memory import PeakMemory, peak_memory
from pytest_ftcheck.speed.peak import matmul_peak
from pytest_ftcheck.speed.phases import measure_phases
from pytest_ftcheck.speed.step import autocast_dtype, autocasts
from pytest_ftcheck.training.cpu import is_fast, kernel_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_ftcheck.speed.step import TrainingStep

_MOST_ROUNDS = 200


@dataclass(frozen=True)
class WarmUp:
    """Durations of the two passes before the measurement."""

    first_pass: float
    """Seconds of the first pass over all batches, which chooses kernels, allocates memory and compiles code."""
    second_pass: float


@dataclass(frozen=True)
class Plan:
    """How a step is timed."""

    rounds: int
    steps: int
    """Steps of a round: all batches once or several times, so that every round does the same work."""


def warm_up(step: TrainingStep) -> WarmUp:
    """Train on every batch twice.

    Raises:
        CheckFailure: the loss is not finite, so that the measurement would be useless.

    """
    passes, losses = [], []
    for _ in range(2):
        before = time.perf_counter()
        losses = [step.take() for _ in step.work]
        synchronize(step.device)
        passes.append(time.perf_counter() - before)
    require_finite(losses)
    return WarmUp(*passes)


def plan_rounds(step: TrainingStep, warm: WarmUp, *, min_rounds: int, min_time: float, max_time: float) -> Plan:
    """Choose length and number of the rounds by the options of pytest-benchmark.

    Args:
        step: gives the number of steps until the batches repeat.
        warm: gives their approximate duration.
        min_rounds: minimum number of rounds.
        min_time: minimum seconds of a round.
        max_time: maximum seconds of all rounds, unless that gives fewer than ``min_rounds``.

    """
    passes = max(1, math.ceil(min_time / warm.second_pass))
    rounds = math.ceil(max_time / (passes * warm.second_pass))
    return Plan(min(max(rounds, min_rounds), _MOST_ROUNDS), passes * len(step.work))


def time_rounds(step: TrainingStep, plan: Plan) -> list[float]:
    """Time the rounds, and wait for the device only between them; return the seconds per step of each round."""
    seconds = []
    for _ in range(plan.rounds):
        synchronize(step.device)
        before = time.perf_counter()
        for _ in range(plan.steps):
            step.take()
        synchronize(step.device)
        seconds.append((time.perf_counter() - before) / plan.steps)
    return seconds


def measure(
    step: TrainingStep, timed: Callable[[Plan], Sequence[float]] | None = None, **limits: Any
) -> dict[str, Any]:
    """Measure a step.

    Args:
        step: a new step.
        timed: times the rounds of a plan; None: `time_rounds`.
        limits: arguments of `plan_rounds`.

    Returns:
        Plain values; see `describe`.

    Raises:
        CheckFailure: the loss is not finite, or code was compiled during the measurement.

    """
    with peak_memory(step.device) as memory:
        warm = warm_up(step)
        plan = plan_rounds(step, warm, **limits)
        graphs = compiled_graphs()
        seconds = timed(plan) if timed else time_rounds(step, plan)
    require_finite([step.take() for _ in step.work])
    if compiled_graphs() != graphs:
        raise CheckFailure(
            [_not_measured("no compilation during the measurement", "the compiler ran between two rounds")]
        )
    return describe(step, seconds, plan.steps, memory, warm)


def describe(
    step: TrainingStep, seconds: Sequence[float], steps_per_round: int, memory: PeakMemory, warm: WarmUp | None = None
) -> dict[str, Any]:
    """Collect all results of a step, in seconds, bytes and operations.

    ``flops`` counts the operations of a step with its padding. ``mfu``, and ``useful_mfu`` without the padding, are
    fractions of the rate of a matrix product, measured in this session with the same dtype.
    """
    median = statistics.median(seconds)
    count = len(step.work)
    rows, tokens, positions = (
        sum(getattr(work, name) for work in step.work) / count for name in ("rows", "tokens", "positions")
    )
    flops = sum(count_flops(step)) / count
    peak = matmul_peak(step.device, matmul_dtype(step))
    return {
        "step_seconds": median,
        "step_seconds_quartiles": _quartiles(seconds),
        "round_seconds": list(seconds),
        "rounds": len(seconds),
        "steps_per_round": steps_per_round,
        "phases": measure_phases(step, count),
        "rows": rows,
        "tokens": tokens,
        "positions": positions,
        "shapes": [list(map(list, work.shapes)) for work in step.work],
        "samples_per_second": rows / median,
        "tokens_per_second": tokens / median,
        "padding_share": 1 - tokens / positions,
        "peak_memory_bytes": memory.bytes,
        "peak_memory_of": memory.of,
        "flops": flops,
        "flops_by_formula": _by_formula(step),
        "peak_flops_per_second": peak,
        "mfu": flops / median / peak,
        "useful_mfu": flops * (tokens / positions) / median / peak,
        "matmul_dtype": str(matmul_dtype(step)).removeprefix("torch."),
        "compiled": is_compiled(step),
        "first_pass_seconds": warm.first_pass if warm else None,
        "compile_seconds": max(0.0, warm.first_pass - median * count) if warm and is_compiled(step) else None,
        "threads": torch.get_num_threads(),
        "kernels": kernel_names(step.device.type, fast=is_fast()),
    }


def matmul_dtype(step: TrainingStep) -> torch.dtype:
    """Return the dtype of the step's matrix products."""
    return autocast_dtype(step.args) if autocasts(step.args) else next(step.model.parameters()).dtype


def is_compiled(step: TrainingStep) -> bool:
    """Whether the model of the step is compiled."""
    return bool(step.args.torch_compile)


def require_finite(losses: Sequence[torch.Tensor]) -> None:
    """Refuse to measure a step with a loss that is not finite: NaN may change its speed.

    Raises:
        CheckFailure: a loss is not finite.

    """
    values = torch.stack([loss.float() for loss in losses]).tolist()
    if not all(map(math.isfinite, values)):
        raise CheckFailure([_not_measured("a finite loss at every step", f"losses {values}")])


def _not_measured(expected: str, observed: str) -> Finding:
    return Finding(
        check="speed.step",
        subject="the training step to measure",
        expected=expected,
        observed=f"{observed}: not measured",
        hint="fine-tune without --ftcheck-bench first: the checks find the defect. If shapes change between steps, "
        "torch.compile runs again: give --ftcheck-bench-seq-len.",
    )


def _quartiles(seconds: Sequence[float]) -> list[float]:
    if len(seconds) == 1:
        return [seconds[0]] * 2
    first, _, third = statistics.quantiles(seconds, n=4, method="inclusive")
    return [first, third]


def _by_formula(step: TrainingStep) -> float | None:
    """Return the operations by the formula; None where the configuration has no number of layers or hidden size."""
    config: Any = getattr(step.model, "config", None)
    if not hasattr(config, "num_hidden_layers") or not hasattr(config, "hidden_size"):
        return None
    return sum(formula_flops(step.model, work) for work in step.work) / len(step.work)
