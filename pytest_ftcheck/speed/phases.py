"""Times the phases of a step: data, forward, backward, optimizer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from pytest_ftcheck.speed.device import synchronize

if TYPE_CHECKING:
    from pytest_ftcheck.speed.step import TrainingStep

PHASES = ("data", "forward", "backward", "optimizer")
"""Phases in order. Clipping belongs to backward; the schedule and ``zero_grad`` belong to the optimizer."""


def measure_phases(step: TrainingStep, steps: int) -> dict[str, float]:
    """Measure the phases of some optimizer steps, separately from their total time.

    On a GPU, this uses CUDA events in the stream: nothing waits until all steps are done, and a phase is its time in
    the stream. Data that is fetched while the GPU is busy therefore costs nothing.

    Args:
        step: a warm step.
        steps: number of optimizer steps; a multiple of the number of different steps.

    Returns:
        Mean seconds per optimizer step, by phase.

    """
    stamps = _Stamps(step.device)
    synchronize(step.device)
    handles = [
        step.model.register_forward_pre_hook(lambda *_: stamps.close("data" if stamps.fresh else "backward")),
        step.model.register_forward_hook(lambda *_: stamps.close("forward")),
        register_optimizer_step_pre_hook(lambda *_: stamps.close("backward")),
    ]
    try:
        stamps.open()
        for _ in range(steps):
            stamps.fresh = True
            step.take()
            stamps.close("optimizer")
        synchronize(step.device)
    finally:
        for handle in handles:
            handle.remove()
    return {phase: seconds / steps for phase, seconds in stamps.seconds().items()}


class _Stamps:
    """Times between phases, on the clock of the device."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._moments: list[Any] = []
        self._closed: list[str] = []
        self.fresh = True
        """Whether the data phase of a step is open."""

    def open(self) -> None:
        """Take the first stamp."""
        self._moments.append(self._now())

    def close(self, phase: str) -> None:
        """End a phase; the next one starts."""
        self._moments.append(self._now())
        self._closed.append(phase)
        self.fresh = False

    def seconds(self) -> dict[str, float]:
        """Sum up the seconds of each phase; call it after the device has finished."""
        found = dict.fromkeys(PHASES, 0.0)
        for phase, before, after in zip(self._closed, self._moments, self._moments[1:], strict=False):
            found[phase] += before.elapsed_time(after) / 1e3 if self._device.type == "cuda" else after - before
        return found

    def _now(self) -> Any:
        if self._device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            return event
        synchronize(self._device)  # other accelerators have no events to compare; this returns at once on a CPU
        return time.perf_counter()
