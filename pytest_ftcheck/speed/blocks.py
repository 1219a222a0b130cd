"""Blocks of steps for interleaved timing: of the manual engine, and of the Trainer's own loop."""

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
"""Optimizer steps of the Trainer before the timed block, so that the start of its loop does not count."""


class ManualBlocks:
    """Blocks of the manual engine's step."""

    def __init__(self, step: TrainingStep) -> None:
        self.step = step
        self.warm = warm_up(step)
        self._rows = sum(work.rows for work in step.work) / len(step.work)

    def __call__(self, steps: int, /) -> float:
        """Take the steps; return the seconds per row."""
        synchronize(self.step.device)
        before = time.perf_counter()
        for _ in range(steps):
            self.step.take()
        synchronize(self.step.device)
        return (time.perf_counter() - before) / steps / self._rows


class TrainerBlocks:
    """Blocks of `transformers.Trainer`'s own loop, over the same batches as the manual engine's.

    Each block is a call of ``train``; its clock starts after the first steps and stops after the last step.
    """

    def __init__(self, pipeline: Pipeline, *, device: str, seed: int, steps: int = STEPS) -> None:
        """Make the Trainer in the same way as the engine.

        Args:
            pipeline: the parts.
            device: ``cpu``, ``cuda`` or ``mps``.
            seed: seed of initialisation, order and dropout.
            steps: number of steps until the batches repeat.

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
        self(steps)  # as in the manual engine, every batch is used before the timing starts
        self(steps)

    def __call__(self, steps: int, /) -> float:
        """Take the steps; return the seconds per row."""
        self._trainer.args.max_steps = LEAD + steps
        with quiet_libraries():
            self._trainer.train()
        # Each call of train adds another autocast wrapper to the forward; remove it.
        model = self._trainer.accelerator.unwrap_model(self._trainer.model, keep_fp32_wrapper=False)
        self._trainer.model = self._trainer.model_wrapped = model
        return self._clock.seconds / steps / self._rows


class _BlockClock(TrainerCallback):
    """Times the steps after the first ones."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._started = math.nan
        self.seconds = math.nan

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Start the clock after `LEAD` steps, stop it at the end; wait for the device at both."""
        del control, kwargs
        if state.global_step not in (LEAD, args.max_steps):
            return
        synchronize(self._device)
        if state.global_step == LEAD:
            self._started = time.perf_counter()
        else:
            self.seconds = time.perf_counter() - self._started


def make_blocks(pipeline: Pipeline, *, engine: str, device: str, seed: int, steps: int) -> Blocks:
    """Make the blocks of an engine and warm them up."""
    if engine == "trainer":
        return TrainerBlocks(pipeline, device=device, seed=seed, steps=steps)
    return ManualBlocks(TrainingStep(pipeline, device=device, seed=seed, steps=steps))


def steps_of_block(blocks: Blocks, distinct: int, seconds: float) -> int:
    """Choose the steps of a block: all batches once, or several times, so that the block takes long enough.

    Args:
        blocks: the warm blocks.
        distinct: number of steps until the batches repeat.
        seconds: minimum duration of a block.

    """
    before = time.perf_counter()
    cast("Any", blocks)(distinct)
    return distinct * max(1, math.ceil(seconds / (time.perf_counter() - before)))
