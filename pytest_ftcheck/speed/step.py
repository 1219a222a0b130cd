"""A training step for benchmarks: the same code as in the manual engine."""

from __future__ import annotations

import math
import shutil
import tempfile
import weakref
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.compat.of_accelerate import begin_own_state
from pytest_ftcheck.files import scratch_folder
from pytest_ftcheck.pipeline.quiet import quiet_libraries
from pytest_ftcheck.speed.batches import collated, endless, representative, work_of
from pytest_ftcheck.speed.device import synchronize
from pytest_ftcheck.training.batches import grouped
from pytest_ftcheck.training.compilation import own_dynamo_environment, uncompiled
from pytest_ftcheck.training.manual import make_schedule, planned_steps, prepare, update
from pytest_ftcheck.training.recipe import trainer_and_arguments
from pytest_ftcheck.training.recorder import StepRecorder
from pytest_ftcheck.training.tracer import Tracer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn
    from transformers import TrainingArguments

    from pytest_ftcheck.pipeline.parts import Pipeline

STEPS = 8
"""Optimizer steps until the batches repeat."""

ONLY_TRAINS = {"eval_strategy": "no", "save_strategy": "no", "load_best_model_at_end": False}


class TrainingStep:
    """Optimizer steps of the manual engine: next batch, forward, backward, clip, update, schedule.

    The step has its own model, which runs and fixtures never use. Its batches are a few batches, evenly spread over an
    epoch, and repeat in the same order. The hooks that our checks need during a run are left out.

    Attributes:
        device: device of the training.
        row_numbers: row numbers of each micro-batch, until the batches repeat.
        batches: the micro-batches of each step, collated, on the CPU.
        work: rows, tokens and shapes of the steps, in order, until the batches repeat.
        args: the `TrainingArguments` of the recipe.
        model: the trained model, with a compiled forward if the recipe requests it.

    """

    def __init__(self, pipeline: Pipeline, *, device: str, seed: int = 0, steps: int = STEPS) -> None:
        """Make model, batches and optimizer in the same way as the engine.

        Args:
            pipeline: the parts.
            device: ``cpu``, ``cuda`` or ``mps``.
            seed: seed of initialisation, order and dropout.
            steps: number of steps until the batches repeat.

        Raises:
            TaskError: the recipe requests something that the manual engine does not support.

        """
        self.device = torch.device(device)
        pipeline = enough_rows(replace(pipeline, args={**pipeline.args, **ONLY_TRAINS}))
        begin_own_state()
        with quiet_libraries(), own_dynamo_environment():
            folder = folder_of(self)
            trainer, self.args = trainer_and_arguments(pipeline, seed=seed, device=device, output_dir=folder)
            self._parts = parts = prepare(pipeline, self.args, _Untraced(None), trainer)
            accumulation = self.args.gradient_accumulation_steps
            self.row_numbers = representative(parts.train_loader, steps, accumulation)
            self.batches = list(grouped(collated(parts.train_loader, self.row_numbers), accumulation))
            self.work = [work_of(micro_batches, pipeline.pad_id) for micro_batches in self.batches]
            self.model = parts.model
            loader = parts.accelerator.prepare(endless(parts.train_loader, self.row_numbers))
            of_an_epoch = math.ceil(len(parts.train_loader) / accumulation)
            planned, _ = planned_steps(self.args, of_an_epoch)
            self._scheduler = make_schedule(parts, self.args, planned, trainer)
        self._parts = replace(parts, train_loader=loader)
        self._groups = grouped(loader, accumulation)
        self._recorder = _Unrecorded("", "", tracer=_Untraced(None))

    @property
    def rows(self) -> int:
        """Number of rows of an optimizer step."""
        return self.work[0].rows

    def take(self) -> Tensor:
        """Take one optimizer step without waiting for the device.

        Returns:
            The loss before the update, a detached scalar on the device.

        """
        return update(self._parts, self._scheduler, next(self._groups), self.args, self._recorder)

    def __call__(self) -> Tensor:
        """Take one optimizer step and wait for the device, so that timing the call measures the whole step.

        Returns:
            The loss before the update, a detached scalar.

        """
        loss = self.take()
        synchronize(self.device)
        return loss

    def forward_backward(self, batch: Mapping[str, Any]) -> None:
        """Compute gradients of a batch ``[B, T]`` without the compiler, and discard them."""
        moved = {name: tensor.to(self.device) for name, tensor in batch.items()}
        autocast = torch.autocast(self.device.type, dtype=autocast_dtype(self.args), enabled=autocasts(self.args))
        with autocast, uncompiled(self.args):
            self._parts.compute_loss(self.model.train(), moved).backward()
        self.model.zero_grad()


def autocasts(args: TrainingArguments) -> bool:
    """Whether matrix products use a lower precision than float32."""
    return bool(args.bf16 or args.fp16)


def autocast_dtype(args: TrainingArguments) -> torch.dtype:
    """Return the dtype of matrix products under autocast."""
    return torch.float16 if args.fp16 else torch.bfloat16


def enough_rows(pipeline: Pipeline) -> Pipeline:
    """Repeat the training rows if they do not fill the batches of one optimizer step."""
    names = ("per_device_train_batch_size", "gradient_accumulation_steps")
    wanted = int(pipeline.args.get(names[0], 8)) * int(
        pipeline.args.get(names[1], 1)
    )  # the defaults of TrainingArguments
    rows = pipeline.train_dataset
    if len(rows) >= wanted:
        return pipeline
    return replace(pipeline, train_dataset=rows.select([index % len(rows) for index in range(wanted)]))


def folder_of(owner: object) -> Path:
    """Make a folder that is removed with its owner."""
    folder = Path(tempfile.mkdtemp(prefix="step-", dir=scratch_folder()))
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    return folder


class _Untraced(Tracer):
    """Records nothing, so that the measured time does not include our hooks."""

    def watch(self, model: nn.Module) -> None:
        """No-op."""

    def train_batch(self, batch: Mapping[str, Any]) -> None:
        """No-op."""


class _Unrecorded(StepRecorder):
    """Keeps no losses."""

    def micro_step(self, loss: Tensor) -> None:
        """No-op."""
