"""A step's measurement: warm up, time rounds of several steps, and put everything together that is known of it."""

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
    """What came before the measurement."""

    first_pass: float
    """Seconds of the first time that every batch was trained on: kernels are chosen, memory is found, code compiled."""
    second_pass: float


@dataclass(frozen=True)
class Plan:
    """How a step is timed."""

    rounds: int
    steps: int
    """Of a round: all batches once, or several times, so that every round does the same work."""


def warm_up(step: TrainingStep) -> WarmUp:
    """Train on every batch twice.

    Raises:
        CheckFailure: the loss is not finite: such a step is not worth measuring.

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
    """Choose rounds that are long enough for the clock, and enough of them; as pytest-benchmark's options say.

    Args:
        step: gives the number of steps until the batches come again.
        warm: says about how long they take.
        min_rounds: at least so many.
        min_time: seconds of a round, at least.
        max_time: seconds in all, where the rounds are not too few then.

    """
    passes = max(1, math.ceil(min_time / warm.second_pass))
    rounds = math.ceil(max_time / (passes * warm.second_pass))
    return Plan(min(max(rounds, min_rounds), _MOST_ROUNDS), passes * len(step.work))


def time_rounds(step: TrainingStep, plan: Plan) -> list[float]:
    """Time the rounds, waiting for the device between them only; return seconds of a step for each."""
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
        step: fresh.
        timed: times the rounds of a plan; None does it here.
        limits: of `plan_rounds`.

    Returns:
        Plain values; see `describe`.

    Raises:
        CheckFailure: the loss is not finite, or code was compiled while it was measured.

    """
    with peak_memory(step.device) as memory:
        warm = warm_up(step)
        plan = plan_rounds(step, warm, **limits)
        graphs = compiled_graphs()
        seconds = timed(plan) if timed else time_rounds(step, plan)
    require_finite([step.take() for _ in step.work])
    if compiled_graphs() != graphs:
        raise CheckFailure([_not_measured("nothing is compiled any more", "the compiler ran between two rounds")])
    return describe(step, seconds, plan.steps, memory, warm)


def describe(
    step: TrainingStep, seconds: Sequence[float], steps_per_round: int, memory: PeakMemory, warm: WarmUp | None = None
) -> dict[str, Any]:
    """Put together what is known of a step, in seconds, bytes and operations.

    ``flops`` are those of a step with its padding, ``useful_mfu`` leaves the padding out. Both are shares of the
    matrix product's rate that was measured in this session with the same dtype.
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
    """Return the dtype in which the step multiplies matrices."""
    return autocast_dtype(step.args) if autocasts(step.args) else next(step.model.parameters()).dtype


def is_compiled(step: TrainingStep) -> bool:
    """Whether a compiler stands between the step and its model."""
    return bool(step.args.torch_compile)


def require_finite(losses: Sequence[torch.Tensor]) -> None:
    """Refuse to measure a step that computes nothing of use: what is NaN may be faster, or slower.

    Raises:
        CheckFailure: a loss is not finite.

    """
    values = torch.stack([loss.float() for loss in losses]).tolist()
    if not all(map(math.isfinite, values)):
        raise CheckFailure([_not_measured("a finite loss at every step", f"losses {values}")])


def _not_measured(expected: str, observed: str) -> Finding:
    return Finding(
        check="speed.step",
        subject="the training step that was to be measured",
        expected=expected,
        observed=f"{observed}: not measured",
        hint="fine-tune without --ftcheck-bench first: the checks say what is wrong. Shapes that change from step to "
        "step are compiled again: give --ftcheck-bench-seq-len.",
    )


def _quartiles(seconds: Sequence[float]) -> list[float]:
    if len(seconds) == 1:
        return [seconds[0]] * 2
    first, _, third = statistics.quantiles(seconds, n=4, method="inclusive")
    return [first, third]


def _by_formula(step: TrainingStep) -> float | None:
    """Operations by the formula; None where a configuration does not name layers and hidden size."""
    config: Any = getattr(step.model, "config", None)
    if not hasattr(config, "num_hidden_layers") or not hasattr(config, "hidden_size"):
        return None
    return sum(formula_flops(step.model, work) for work in step.work) / len(step.work)
