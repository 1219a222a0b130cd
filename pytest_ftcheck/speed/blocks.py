"""Blocks of steps that can take turns: of the manual engine, and of the Trainer's own loop."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from transformers import TrainerCallback

from pytest_ftcheck.compat.of_accelerate import begin_own_state
from pytest_ftcheck.pipeline.quiet import quiet_libraries
from pytest_ftcheck.speed.batches import endless, representative
from pytest_ftcheck.speed.device import synchronize
from pytest_ftcheck.speed.measure import warm_up
from pytest_ftcheck.speed.step import ONLY_TRAINS, STEPS, TrainingStep, enough_rows, folder_of
from pytest_ftcheck.training.compilation import own_dynamo_environment
from pytest_ftcheck.training.recipe import trainer_and_arguments
from pytest_ftcheck.training.trainer import make_trainer

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.speed.compare import Blocks

LEAD = 2
"""Optimizer steps of the Trainer before its block is timed: its loop has then started."""


class ManualBlocks:
    """Blocks of the manual engine's step."""

    def __init__(self, step: TrainingStep) -> None:
        self.step = step
        self.warm = warm_up(step)
        self._rows = sum(work.rows for work in step.work) / len(step.work)

    def __call__(self, steps: int, /) -> float:
        """Take the steps; return seconds for a row."""
        synchronize(self.step.device)
        before = time.perf_counter()
        for _ in range(steps):
            self.step.take()
        synchronize(self.step.device)
        return (time.perf_counter() - before) / steps / self._rows


class TrainerBlocks:
    """Blocks of `transformers.Trainer`'s own loop, over the same batches as the manual engine's.

    Each block is a call of ``train``; its clock starts after the first steps and stops at the last one.
    """

    def __init__(self, pipeline: Pipeline, *, device: str, seed: int, steps: int = STEPS) -> None:
        """Make the Trainer, as the engine makes it.

        Args:
            pipeline: the parts.
            device: ``cpu``, ``cuda`` or ``mps``.
            seed: of initialisation, order and dropout.
            steps: until the same batches come again.

        """
        pipeline = enough_rows(replace(pipeline, args={**pipeline.args, **ONLY_TRAINS}))
        begin_own_state()
        with quiet_libraries(), own_dynamo_environment():
            folder = folder_of(self)
            made, args = trainer_and_arguments(pipeline, seed=seed, device=device, output_dir=folder)
            self._trainer = cast("Any", made or make_trainer(pipeline, args))
        loader = self._trainer.get_train_dataloader()
        batches = representative(loader, steps, args.gradient_accumulation_steps)
        prepared = self._trainer.accelerator.prepare(endless(loader, batches))
        self._trainer.get_train_dataloader = lambda: prepared
        self._rows = sum(map(len, batches)) * args.gradient_accumulation_steps / len(batches)
        self._clock = _BlockClock(str(args.device))
        self._trainer.add_callback(self._clock)
        self(steps)  # as the manual engine's, every batch was trained on before it is timed
        self(steps)

    def __call__(self, steps: int, /) -> float:
        """Take the steps; return seconds for a row."""
        self._trainer.args.max_steps = LEAD + steps
        with quiet_libraries():
            self._trainer.train()
        # Each call wraps the forward in another layer of autocast.
        model = self._trainer.accelerator.unwrap_model(self._trainer.model, keep_fp32_wrapper=False)
        self._trainer.model = self._trainer.model_wrapped = model
        return self._clock.seconds / steps / self._rows


class _BlockClock(TrainerCallback):
    """Times what comes after the first steps."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._started = math.nan
        self.seconds = math.nan

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Start the clock after the lead, stop it at the end; wait for the device at both."""
        del control, kwargs
        if state.global_step not in (LEAD, args.max_steps):
            return
        synchronize(self._device)
        if state.global_step == LEAD:
            self._started = time.perf_counter()
        else:
            self.seconds = time.perf_counter() - self._started


def make_blocks(pipeline: Pipeline, *, engine: str, device: str, seed: int, steps: int) -> Blocks:
    """Make the blocks of an engine, warm."""
    if engine == "trainer":
        return TrainerBlocks(pipeline, device=device, seed=seed, steps=steps)
    return ManualBlocks(TrainingStep(pipeline, device=device, seed=seed, steps=steps))


def steps_of_block(blocks: Blocks, distinct: int, seconds: float) -> int:
    """Choose the steps of a block: all batches once, or several times, until it takes long enough.

    Args:
        blocks: warm.
        distinct: steps until the same batches come again.
        seconds: a block is to take at least so long.

    """
    before = time.perf_counter()
    cast("Any", blocks)(distinct)
    return distinct * max(1, math.ceil(seconds / (time.perf_counter() - before)))
