"""The measurements of a session: its cases, on its device, with a description of the machine."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.speed.case import StepCase, sweep
from pytest_ftcheck.speed.device import undisturbed
from pytest_ftcheck.speed.machine import describe_machine, fingerprint
from pytest_ftcheck.speed.measure import measure
from pytest_ftcheck.speed.memory import is_out_of_memory
from pytest_ftcheck.speed.shapes import with_shape
from pytest_ftcheck.speed.step import STEPS, TrainingStep
from pytest_ftcheck.training.device import resolve_device
from pytest_ftcheck.training.train_or_load import threads_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.settings import Settings

_SHORTEST_ROUND = 0.05
"""Minimum duration of a round in seconds; in shorter rounds, other processes dominate."""


class NotMeasured(NotApplicable):
    """Nothing can be measured: a test is skipped, so that it never passes without a measurement."""

    def __init__(self, why: str) -> None:
        super().__init__(f"not measured: {why}")


def cases_of(settings: Settings) -> tuple[StepCase, ...]:
    """List the requested cases."""
    return sweep(
        settings.bench_batch_sizes, settings.bench_dtypes, settings.bench_seq_len, compiled=settings.bench_compile
    )


class Measuring:
    """Measures training steps of one session.

    Attributes:
        settings: settings of the session.
        why_not: why this session measures nothing; empty where it measures.
        machine: result of `describe_machine`; empty until the first measurement.

    """

    def __init__(self, settings: Settings, *, why_not: str = "") -> None:
        self.settings = settings
        self.why_not = why_not
        self.machine: dict[str, Any] = {}

    @property
    def device(self) -> str:
        """The device of the measured steps."""
        return resolve_device(self.settings.device, self.settings.require_device)

    def note_machine(self, pipeline: Pipeline) -> Mapping[str, Any]:
        """Describe the machine once a session."""
        if not self.machine:
            self.machine.update(describe_machine(self.device, threads_for(self.settings, pipeline)))
        return self.machine

    def alone(self, pipeline: Pipeline) -> AbstractContextManager[None]:
        """Remove disturbances of a measurement inside this context."""
        machine = self.note_machine(pipeline)
        return undisturbed(machine["threads"], self.device, fast=pipeline.fast_cpu)

    def shaped(self, pipeline: Pipeline) -> Pipeline:
        """Replace the task's model by one of ``--ftcheck-bench-shape``, if that was requested."""
        shape = self.settings.bench_shape
        return pipeline if shape is None else with_shape(pipeline, shape)

    def step(self, pipeline: Pipeline, *, seed: int, steps: int | None = None) -> TrainingStep:
        """Make a step of the manual engine.

        Args:
            pipeline: the pipeline to train.
            seed: seed of model and batches.
            steps: number of steps until the batches repeat; None: enough steps to represent an epoch.

        """
        return TrainingStep(pipeline, device=self.device, seed=seed, steps=steps or STEPS)

    @contextmanager
    def row(self, pipeline: Pipeline, label: str, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Add a row to the table, also where the measurement fails, for example out of memory.

        Args:
            pipeline: pipeline of the task.
            label: label of the case.
            rows: list that gets the row.

        Raises:
            NotMeasured: nothing can be measured, or memory is too small.

        """
        row: dict[str, Any] = {"case": label, "task": pipeline.card.name, "data": pipeline.data.source}
        rows.append(row)
        if self.why_not:
            row["not_measured"] = self.why_not
            raise NotMeasured(self.why_not)
        out_of_memory = False
        try:
            machine = self.note_machine(pipeline)
            row["device_name"], row["fingerprint"] = machine["device_name"], fingerprint(machine)
            with self.alone(pipeline):
                yield row
        except Exception as error:
            row.setdefault("not_measured", "the step failed")
            if not is_out_of_memory(error):
                raise
            out_of_memory = True
            row["not_measured"] = "out of memory"
        if out_of_memory:  # outside of the handler, because its traceback holds the tensors
            _free_memory()
            msg = f"out of memory at {label}"
            raise NotMeasured(msg)

    def measure(
        self,
        case: StepCase,
        pipeline: Pipeline,
        row: dict[str, Any],
        *,
        seed: int,
        timed: Callable[[TrainingStep, Any], list[float]],
        limits: Mapping[str, float],
    ) -> None:
        """Measure the step of a case, and put the results into its row.

        Args:
            case: case of the sweep.
            pipeline: pipeline of the task.
            row: row of the table.
            seed: seed of model and batches.
            timed: runs the rounds of a plan, and returns the seconds of each round.
            limits: ``min_rounds``, ``min_time`` and ``max_time`` of the measurement.

        Raises:
            CheckFailure: the step is not worth measuring.
            FtcheckError: the case does not fit the task.

        """
        prepared = case.of(self.shaped(pipeline))
        row["model"], row["parameters"] = prepared.checkpoint.name, prepared.checkpoint.parameters
        step = self.step(prepared, seed=seed, steps=1 if case.seq_len else None)
        least = max(float(limits["min_time"]), _SHORTEST_ROUND)
        row.update(
            measure(
                step,
                lambda plan: timed(step, plan),
                min_rounds=int(limits["min_rounds"]),
                min_time=least,
                max_time=float(limits["max_time"]),
            )
        )


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
