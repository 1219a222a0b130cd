"""Our own hook in every training step: unfiltered losses, and progress."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.training.tracer import Tracer

if TYPE_CHECKING:
    from torch import Tensor

_CUDA_STEPS = 50
"""Optimizer steps between two reads of losses on a GPU: each read waits for the device."""


@dataclass(frozen=True)
class Progress:
    """The progress of a run."""

    title: str
    """Name of the run, for example ``mrpc · trainer · seed 0``."""
    step: int
    """Number of finished optimizer steps."""
    steps: int
    epoch: float
    epochs: float
    loss: float
    """Loss of the latest optimizer step."""
    samples_per_second: float
    seconds_left: float


class ProgressListener(Protocol):
    """Shows the progress of a run."""

    def __call__(self, progress: Progress, /) -> None:
        """Receive the state after an optimizer step; called often."""


def silent(progress: Progress) -> None:
    """Show nothing."""
    del progress


@dataclass
class StepRecorder:
    """Collects the loss of every optimizer step, and stops a run if a loss is not finite."""

    title: str
    subject: str
    """Model and data, for messages."""
    listener: ProgressListener = silent
    tracer: Tracer = field(default_factory=lambda: Tracer(None))
    """Records rows, gradients and learning rates; the engine reports batches, epochs and evaluations to it."""
    losses: list[float] = field(default_factory=list)
    _waiting: list[Tensor] = field(default_factory=list)
    _micro: Tensor | None = None
    _steps: int = 0
    _epochs: float = 0.0
    _started: float = 0.0

    def begin(self, steps: int, epochs: float) -> None:
        """Store the length of the run at its start: optimizer steps and epochs."""
        self._steps, self._epochs, self._started = steps, epochs, time.perf_counter()
        self.tracer.planned_steps = steps

    def micro_step(self, loss: Tensor) -> None:
        """Add the loss of a micro-step, detached and already divided by the micro-steps of its optimizer step."""
        self._micro = loss if self._micro is None else self._micro + loss

    def optimizer_step(self, epoch: float, samples: float) -> None:
        """Finish an optimizer step.

        Args:
            epoch: number of finished epochs, with a fraction.
            samples: number of rows so far.

        Raises:
            CheckFailure: a loss since the last read was not finite.

        """
        if self._micro is None:
            return
        self._waiting.append(self._micro)
        self._micro = None
        if self._waiting[-1].device.type != "cuda" or len(self._waiting) >= _CUDA_STEPS:
            self.flush()
            self._report(epoch, samples)

    def flush(self) -> None:
        """Read the losses that are still on the device.

        Raises:
            CheckFailure: a loss is not finite.

        """
        for tensor in self._waiting:
            self.losses.append(float(tensor))
            if not math.isfinite(self.losses[-1]):
                raise CheckFailure([self._not_finite()])
        self._waiting.clear()

    def _report(self, epoch: float, samples: float) -> None:
        elapsed = time.perf_counter() - self._started
        done = len(self.losses)
        self.listener(
            Progress(
                title=self.title,
                step=done,
                steps=self._steps,
                epoch=epoch,
                epochs=self._epochs,
                loss=self.losses[-1],
                samples_per_second=samples / elapsed if elapsed else 0.0,
                seconds_left=elapsed / done * (self._steps - done),
            )
        )

    def _not_finite(self) -> Finding:
        step = len(self.losses)
        before = f"{self.losses[-2]:.4f} at the step before" if step > 1 else "at the first step"
        return Finding(
            check="training.finite_loss",
            subject=self.subject,
            expected="a finite training loss at every optimizer step",
            observed=f"{self.losses[-1]} at optimizer step {step} of {self._steps}, {before}",
            hint="training was stopped at this step. Look for a learning rate that is too high, fp16 overflow, "
            "max_grad_norm = 0, a label or input that is NaN, or first weights that are not finite.",
        )
