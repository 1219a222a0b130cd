"""A training step that a benchmark can call: the very step of the manual engine."""

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
"""Optimizer steps until the same batches come again."""

ONLY_TRAINS = {"eval_strategy": "no", "save_strategy": "no", "load_best_model_at_end": False}


class TrainingStep:
    """Optimizer steps of the manual engine: next batch, forward, backward, clip, update, schedule.

    The model is its own: runs and fixtures never see it. The batches are a few of an epoch's, spread over it, and
    come again and again in the same order. What our checks look at while a run is trained is left out.

    Attributes:
        device: where it trains.
        row_numbers: of each micro-batch, until they come again.
        batches: the micro-batches of each step, collated, on the CPU.
        work: rows, tokens and shapes of the steps, in their order, until they come again.
        args: the `TrainingArguments` of the recipe.
        model: as it is trained, its forward compiled where the recipe says so.

    """

    def __init__(self, pipeline: Pipeline, *, device: str, seed: int = 0, steps: int = STEPS) -> None:
        """Make model, batches and optimizer as the engine makes them.

        Args:
            pipeline: the parts.
            device: ``cpu``, ``cuda`` or ``mps``.
            seed: of initialisation, order and dropout.
            steps: until the same batches come again.

        Raises:
            TaskError: the recipe asks for something that the manual engine does not have.

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
        """Rows of an optimizer step."""
        return self.work[0].rows

    def take(self) -> Tensor:
        """Take one optimizer step, and do not wait for the device.

        Returns:
            The loss before the update, a detached scalar on the device.

        """
        return update(self._parts, self._scheduler, next(self._groups), self.args, self._recorder)

    def __call__(self) -> Tensor:
        """Take one optimizer step and wait for the device, so that a clock around the call measures all of it.

        Returns:
            The loss before the update, a detached scalar.

        """
        loss = self.take()
        synchronize(self.device)
        return loss

    def forward_backward(self, batch: Mapping[str, Any]) -> None:
        """Compute gradients of a batch ``[B, T]`` without the compiler, and forget them."""
        moved = {name: tensor.to(self.device) for name, tensor in batch.items()}
        autocast = torch.autocast(self.device.type, dtype=autocast_dtype(self.args), enabled=autocasts(self.args))
        with autocast, uncompiled(self.args):
            self._parts.compute_loss(self.model.train(), moved).backward()
        self.model.zero_grad()


def autocasts(args: TrainingArguments) -> bool:
    """Whether matrices are multiplied in less than float32."""
    return bool(args.bf16 or args.fp16)


def autocast_dtype(args: TrainingArguments) -> torch.dtype:
    """Return the dtype of matrix products under autocast."""
    return torch.float16 if args.fp16 else torch.bfloat16


def enough_rows(pipeline: Pipeline) -> Pipeline:
    """Repeat the training rows where they do not fill the batches of one optimizer step."""
    names = ("per_device_train_batch_size", "gradient_accumulation_steps")
    wanted = int(pipeline.args.get(names[0], 8)) * int(pipeline.args.get(names[1], 1))  # as TrainingArguments has them
    rows = pipeline.train_dataset
    if len(rows) >= wanted:
        return pipeline
    return replace(pipeline, train_dataset=rows.select([index % len(rows) for index in range(wanted)]))


def folder_of(owner: object) -> Path:
    """Make a folder that goes when its owner goes."""
    folder = Path(tempfile.mkdtemp(prefix="step-", dir=scratch_folder()))
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    return folder


class _Untraced(Tracer):
    """Looks at nothing: a step is measured without what our checks want to know of it."""

    def watch(self, model: nn.Module) -> None:
        """Let the model be."""

    def train_batch(self, batch: Mapping[str, Any]) -> None:
        """No-op."""


class _Unrecorded(StepRecorder):
    """Keeps no losses."""

    def micro_step(self, loss: Tensor) -> None:
        """Let the loss go."""
