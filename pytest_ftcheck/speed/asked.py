"""What a session asks to be measured: its cases, on its device, with what the machine is."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

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
"""Seconds: below, what else the machine does in a moment decides."""


class NotMeasured(Exception):  # noqa: N818 - no error: a test that measures nothing is skipped
    """Nothing can be measured; the text says why."""


def cases_of(settings: Settings) -> tuple[StepCase, ...]:
    """List the cases that are asked for."""
    return sweep(
        settings.bench_batch_sizes, settings.bench_dtypes, settings.bench_seq_len, compiled=settings.bench_compile
    )


class Measuring:
    """Measures training steps of one session.

    Attributes:
        settings: of the session.
        machine: as `describe_machine` gives it; empty where nothing was measured yet.

    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.machine: dict[str, Any] = {}

    @property
    def device(self) -> str:
        """The device that steps are measured on."""
        return resolve_device(self.settings.device, self.settings.require_device)

    def note_machine(self, pipeline: Pipeline) -> Mapping[str, Any]:
        """Describe the machine once a session."""
        if not self.machine:
            self.machine.update(describe_machine(self.device, threads_for(self.settings, pipeline)))
        return self.machine

    def alone(self, pipeline: Pipeline) -> AbstractContextManager[None]:
        """Keep away what disturbs a measurement, for as long as the context lasts."""
        machine = self.note_machine(pipeline)
        return undisturbed(machine["threads"], self.device, fast=pipeline.fast_cpu)

    def shaped(self, pipeline: Pipeline) -> Pipeline:
        """Put a model of ``--ftcheck-bench-shape`` in the place of the task's, where one is asked for."""
        shape = self.settings.bench_shape
        return pipeline if shape is None else with_shape(pipeline, shape)

    def step(self, pipeline: Pipeline, *, seed: int, steps: int | None = None) -> TrainingStep:
        """Make a step of the manual engine.

        Args:
            pipeline: that is trained.
            seed: of its model and batches.
            steps: until the same batches come again; None: as many as it takes to tell what an epoch is like.

        """
        return TrainingStep(pipeline, device=self.device, seed=seed, steps=steps or STEPS)

    @contextmanager
    def row(
        self, pipeline: Pipeline, label: str, rows: list[dict[str, Any]], *, why_not: str
    ) -> Iterator[dict[str, Any]]:
        """Note a row for the table, whatever comes of it: out of memory is a row too.

        Args:
            pipeline: of the task.
            label: of the case.
            rows: takes the row.
            why_not: why nothing can be measured here; empty where it can.

        Raises:
            NotMeasured: nothing can be measured, or memory is too small.

        """
        row: dict[str, Any] = {"case": label, "task": pipeline.card.name, "data": pipeline.data.source}
        rows.append(row)
        if why_not:
            row["not_measured"] = why_not
            raise NotMeasured(why_not)
        out_of_memory = False
        try:
            machine = self.note_machine(pipeline)
            row["device_name"], row["fingerprint"] = machine["device_name"], fingerprint(machine)
            with self.alone(pipeline):
                yield row
        except Exception as error:
            row.setdefault("not_measured", "it failed")
            if not is_out_of_memory(error):
                raise
            out_of_memory = True
            row["not_measured"] = "out of memory"
        if out_of_memory:  # outside of the handler, whose traceback holds the tensors
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
        """Measure the step of a case, and put it into its row.

        Args:
            case: of the sweep.
            pipeline: of the task.
            row: of the table.
            seed: of model and batches.
            timed: takes the step as often as a plan says, and returns the seconds of each round.
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
