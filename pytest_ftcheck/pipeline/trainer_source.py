"""Parts that come from a user's own `transformers.Trainer`, and a Trainer of the same factory for every run."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import torch
from transformers import PrinterCallback, ProgressCallback, Trainer, TrainingArguments, set_seed

from pytest_ftcheck.deadline import deadline
from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.pipeline.factory import call_factory
from pytest_ftcheck.pipeline.own_parts import TrainerOwnParts
from pytest_ftcheck.pipeline.quiet import quiet_libraries, warnings_of_a_script
from pytest_ftcheck.pipeline.trainer_changes import (
    HELD_BACK,
    TrainerChanges,
    constructions,
    held_back,
    model_changes,
)
from pytest_ftcheck.pipeline.trainer_evaluation import TrainerEvaluation
from pytest_ftcheck.pipeline.trainer_positions import with_eval_positions
from pytest_ftcheck.pipeline.trainer_rows import TrainerRows, is_stream, judged_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import Tensor
    from transformers import PreTrainedModel

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.pipeline.reads.inputs import Inputs

_ABSENT = object()
_PURPOSES = {"train_dataset": "train", "eval_dataset": "judge it"}


class TrainerLoss:
    """The loss of a user's Trainer; see `pytest_ftcheck.pipeline.source.SourceLoss`."""

    is_of_model = False
    weighs_micro_batches = False

    def __init__(self, trainer: Any) -> None:
        """Take the Trainer."""
        self._trainer = trainer

    def of_batch(self, model: PreTrainedModel, batch: Mapping[str, Any]) -> Tensor:
        """Return the result of the Trainer's ``compute_loss``."""
        # A copy, because a user's loss may remove the labels from the batch.
        return cast("Tensor", self._trainer.compute_loss(model, dict(batch)))


class TrainerSource:
    """Makes the user's Trainer: once as the template for the parts, and again for every run.

    See `pytest_ftcheck.pipeline.source.Source` for the other methods.
    """

    loads_model = False
    trains_as_script = True

    def __init__(
        self, spec: str, factory: Callable[..., Any], inputs: Inputs | None = None, *, timeout: float | None = None
    ) -> None:
        """Store the factory.

        Args:
            spec: name of the factory as the user wrote it, for messages.
            factory: returns a Trainer that has not trained.
            inputs: recorded inputs of the factory's import, if runs are kept for later sessions; the inputs of its
                calls are added.
            timeout: time limit in seconds for a call of the factory.

        """
        self._timeout = timeout
        self.spec = spec
        self.inputs = inputs
        self._factory = factory
        self._place: int | None = None
        """Index of the returned Trainer among those that the factory makes; None before the first call."""

    @cached_property
    def template(self) -> Any:  # a Trainer; transformers declares any type for its model and data
        """A Trainer that is only inspected, never trained."""
        return self._call(TrainerChanges(), None, seed=0, device=None, output_dir=None, max_steps=None)

    @cached_property
    def rows(self) -> TrainerRows:
        """The Trainer's data sets."""
        return TrainerRows(self.template, self.spec, self._timeout)

    @property
    def loss(self) -> TrainerLoss:
        """The Trainer's loss."""
        return TrainerLoss(self.template)

    @cached_property
    def evaluation(self) -> TrainerEvaluation:
        """The Trainer's evaluation."""
        return TrainerEvaluation(self.template)

    @property
    def own(self) -> TrainerOwnParts:
        """The user's own parts of the Trainer."""
        return TrainerOwnParts(self.template)

    @property
    def seed(self) -> int:
        """Seed in the user's arguments."""
        return int(self.template.args.seed)

    @property
    def pad_id(self) -> int | None:
        """Pad token id in the configuration of the user's model."""
        pad_id = getattr(self.template.model.config, "pad_token_id", None)
        return None if pad_id is None else int(pad_id)

    @cached_property
    def args(self) -> dict[str, Any]:
        """The user's arguments that differ from the defaults of `TrainingArguments`."""
        given, defaults = self.template.args, TrainingArguments(output_dir="unused")
        names = [spec.name for spec in fields(TrainingArguments) if spec.init and spec.name not in HELD_BACK]
        own = {name: getattr(given, name) for name in names if getattr(given, name) != getattr(defaults, name)}
        if "metric_for_best_model" in own:
            own["metric_for_best_model"] = self.evaluation.best_metric
        return own

    def arguments(self, args: Mapping[str, Any]) -> TrainingArguments:
        """Return the user's arguments with the changes of a pipeline's ``args``."""
        given, changed = cast("TrainingArguments", self.template.args), self._changed(args)
        return replace(given, **changed) if changed else given

    def _changed(self, args: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in args.items() if self.args.get(name, _ABSENT) != value}

    def held_back(self, device: str) -> tuple[str, ...]:
        """Name the settings of the Trainer that a run on this device always changes: see `HELD_BACK`."""
        streams = [f"{name} (a stream: its first {rows} rows)" for name, rows in self.rows.streams().items()]
        words = [words for name, words in HELD_BACK.items() if name != "use_cpu" or self._elsewhere(device)]
        return (*words, *streams)

    def _elsewhere(self, device: str) -> bool:
        """Whether the Trainer would use another device than the requested CPU."""
        return device == "cpu" and self.template.args.device.type != "cpu"

    @property
    def tokenizer(self) -> Any:
        """The Trainer's tokenizer, else its collator's, else None."""
        own = getattr(self.template, "processing_class", None)
        found = own if own is not None else getattr(self.template.data_collator, "tokenizer", None)
        return found if hasattr(found, "convert_ids_to_tokens") else None

    def model_init(self) -> PreTrainedModel:
        """Make a new model of the user's; the caller sets the seed, which a factory with a seed argument gets, too."""
        seed = torch.initial_seed() % 2**32  # NumPy accepts seeds below 2**32
        trainer = self._call(TrainerChanges(), None, seed=seed, device=None, output_dir=None, max_steps=None)
        return cast("PreTrainedModel", cast("Any", trainer.model).cpu())

    def check(self) -> None:
        """Refuse a Trainer that cannot be checked.

        Raises:
            TaskError: the Trainer has trained, or has no data.

        """
        trainer = self.template
        todo = f"Change what {self.spec} returns."
        if trainer.state.global_step:
            steps = trainer.state.global_step
            msg = f"{self.spec}: the Trainer has trained already ({steps} optimizer steps). Return it untrained."
            raise TaskError(msg)
        for name, purpose in _PURPOSES.items():
            rows = judged_rows(trainer) if name == "eval_dataset" else trainer.train_dataset
            if rows is None:
                msg = f"{self.spec}: the Trainer has no {name}: nothing to {purpose} on. {todo}"
                raise TaskError(msg)
            if not (is_stream(rows) or len(rows)):
                msg = f"{self.spec}: {name} is empty: 0 rows. {todo}"
                raise TaskError(msg)

    def make_trainer(
        self, pipeline: Pipeline, *, seed: int, device: str, output_dir: Path, steps: int | None
    ) -> Trainer:
        """Make the user's Trainer for one run, with the parts that the pipeline changes.

        Args:
            pipeline: a pipeline of this source; its changed parts replace the Trainer's.
            seed: of initialisation, order and dropout.
            device: ``cpu``, ``cuda`` or ``mps``.
            output_dir: output folder of the Trainer.
            steps: ``max_steps``, if the pipeline sets it.

        """
        parts: dict[str, Any] = dict(self.rows.replaced(pipeline))
        if pipeline.data_collator is not self.template.data_collator:
            parts["data_collator"] = pipeline.data_collator
        if not self.evaluation.are_own(pipeline.compute_metrics):
            # The head's metrics take the logits as the model returns them.
            parts |= {"compute_metrics": pipeline.compute_metrics, "preprocess_logits_for_metrics": None}
        if pipeline.processing_class is not self.tokenizer:
            parts["processing_class"] = pipeline.processing_class
        values = held_back(seed=seed, output_dir=output_dir, force_cpu=self._elsewhere(device))
        changes = TrainerChanges(parts, values, self._changed(pipeline.args), model_changes(pipeline.model_init))
        return self._call(changes, self._place, seed=seed, device=device, output_dir=str(output_dir), max_steps=steps)

    def _call(self, changes: TrainerChanges, place: int | None, **keywords: Any) -> Trainer:
        set_seed(keywords["seed"])
        recorded = self.inputs.recorded() if self.inputs else nullcontext()
        with (
            quiet_libraries(),
            warnings_of_a_script(),
            recorded,
            constructions(changes, place) as made,
            deadline(self._timeout),
        ):
            trainer = call_factory(self._factory, self.spec, keywords)
        if not isinstance(trainer, Trainer):
            msg = (
                f"{self.spec} returns {type(trainer).__name__}, expected a transformers.Trainer that has not trained "
                "yet. Return the Trainer itself, without calling trainer.train()."
            )
            raise TaskError(msg)
        found = next((index for index, each in enumerate(made) if each is trainer), None)
        if found is None or self._place not in (None, found):
            msg = (
                f"{self.spec} returned a Trainer that it did not make in this call, or makes its Trainers in another "
                "order in each call. Make a new Trainer in every call: each run needs fresh weights."
            )
            raise TaskError(msg)
        self._place = found
        _silence(trainer)
        with_eval_positions(trainer)
        return trainer

    def described(self) -> Trainer:
        """Return the source's part of the key of a run: a new Trainer of the factory."""
        if self.inputs is None:
            return cast("Trainer", self.template)
        # Not the template, which the checks have used: a collator that counts its batches has changed.
        return self._call(TrainerChanges(), None, seed=0, device=None, output_dir=None, max_steps=None)


def _silence(trainer: Trainer) -> None:
    """Remove progress bars and trackers, so that a run sends no data to a tracking service."""
    for callback in list(trainer.callback_handler.callbacks):
        tracker = type(callback).__module__.startswith("transformers.integrations")
        if tracker or isinstance(callback, (PrinterCallback, ProgressCallback)):
            trainer.remove_callback(callback)
