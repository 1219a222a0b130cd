"""Source of the parts of a fine-tune: which parts are this package's, and which are the user's own.

There are two sources: a task card with a checkpoint (`pytest_ftcheck.pipeline.card_source`), and a user's Trainer
(`pytest_ftcheck.pipeline.trainer_source`). Code that treats them differently uses one of the protocols below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from datasets import Dataset
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import PreTrainedModel, Trainer, TrainingArguments

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.pipeline.reads.inputs import Inputs
    from pytest_ftcheck.pipeline.trainer_answers import MadeUpAnswers

    Collator = Callable[[list[dict[str, Any]]], Any]


class SourceRows(Protocol):
    """Facts about the rows; data sets have the names of the Trainer's attributes, such as ``eval_dataset``."""

    @property
    def tokenized_here(self) -> bool:
        """True if this package tokenized the card's text columns; False if the user's code made the rows."""

    def count(self, name: str) -> int:
        """Return the number of rows in a data set of the user's Trainer, before any removal; 0 without a Trainer."""

    def is_streamed(self, name: str) -> bool:
        """Whether a data set of the user's Trainer is a stream, of which the table holds the first rows."""

    def given(self, name: str, rows: Dataset) -> Any:
        """Return the user's data set from which the table was made; any other table unchanged."""

    def formatted(self, rows: Dataset) -> Dataset:
        """Give rows the format that the collator expects."""

    def evaluation_collator(self, collator: Collator) -> Collator:
        """Return the evaluation collator for the train collator: a user's Trainer may have two."""


class SourceLoss(Protocol):
    """How a batch's loss is made."""

    def of_batch(self, model: PreTrainedModel, batch: Mapping[str, Any]) -> Tensor:
        """Compute the loss of a batch as training does.

        Returns:
            A scalar; any other return value of the user's loss is returned unchanged.

        """

    @property
    def is_of_model(self) -> bool:
        """Whether the loss is known to be the model's own; a user's Trainer may have another loss."""

    @property
    def weighs_micro_batches(self) -> bool:
        """Whether accumulated micro-batches are weighted by their rows; else the user's model decides."""


class SourceEvaluation(Protocol):
    """The evaluation sets and their metrics."""

    @property
    def judged_set(self) -> str | None:
        """Name of the evaluation set that is judged; None for a set without a name."""

    @property
    def unjudged_sets(self) -> tuple[str, ...]:
        """Names of the evaluation sets that are not judged."""

    @property
    def ends_with_judged_rows(self) -> bool:
        """Whether the last evaluation of a run has the judged rows; a user's Trainer may evaluate other sets later."""

    @property
    def best_metric(self) -> str | None:
        """``metric_for_best_model`` of the user's arguments, named as in ``compute_metrics``; None: the recipe's."""

    @property
    def gives_all_declared(self) -> bool:
        """Whether all metrics of the card must be reported; a user's ``compute_metrics`` may omit some."""

    @property
    def questions(self) -> Dataset | None:
        """The raw rows that a user's Trainer answers; None: those of the data."""

    @property
    def made_up(self) -> MadeUpAnswers | None:
        """The answers that a user's Trainer makes of generated logits; None where it makes none."""

    def raw_outputs(self, pipeline: Pipeline, logits: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return the outputs of a run that have one row for each raw row, by name; empty for most heads.

        Args:
            pipeline: a pipeline of this source.
            logits: logits of its evaluation rows, ``[N, …]``.

        """


class OwnParts(Protocol):
    """The user's own parts of the training: the parts of their Trainer that are not the library's."""

    @property
    def trainer_class(self) -> type[Any]:
        """Class of the Trainer; the library's where nothing is the user's own."""

    @property
    def model_class(self) -> type[Any]:
        """Class of the user's model; the library's base class where we load one."""

    @property
    def optimizer(self) -> Any:
        """The optimizer that the Trainer was given; None where the Trainer makes its optimizer."""

    @property
    def lr_scheduler(self) -> Any:
        """The learning rate scheduler that the Trainer was given; None where the Trainer makes its scheduler."""

    @property
    def compute_loss_func(self) -> Any:
        """The loss that the Trainer was given; None without one."""

    @property
    def callbacks(self) -> Sequence[Any]:
        """The Trainer's callbacks, also the library's; empty where the run makes the Trainer."""

    @property
    def post_process_function(self) -> Any:
        """The function that makes answers of logits, as run_qa.py gives it to its Trainer; None without one."""

    @property
    def makes_optimizer(self) -> bool:
        """Whether the user made the optimizer, or changed how the Trainer makes it."""

    @property
    def makes_schedule(self) -> bool:
        """Whether the user made the learning rate scheduler, or changed how the Trainer makes it."""

    @property
    def sampler(self) -> Any:
        """The sampler of train rows or batches if the user's code makes it, else None."""

    def methods(self, *names: str) -> tuple[str, ...]:
        """Return those of the names whose method the user has overridden."""


class Source(Protocol):
    """Source of the parts of a fine-tune."""

    @property
    def rows(self) -> SourceRows:
        """Facts about the rows."""

    @property
    def loss(self) -> SourceLoss:
        """How a batch's loss is made."""

    @property
    def evaluation(self) -> SourceEvaluation:
        """Evaluation sets and metrics."""

    @property
    def own(self) -> OwnParts:
        """The user's own parts of the training."""

    @property
    def spec(self) -> str | None:
        """The user's factory of Trainers as they wrote it, such as ``train.py:build``; None without one."""

    @property
    def inputs(self) -> Inputs | None:
        """The recorded inputs of the parts, with which a kept run is compared; None: nothing was recorded."""

    @property
    def seed(self) -> int | None:
        """Seed in the user's arguments; None where only the settings have a seed."""

    @property
    def loads_model(self) -> bool:
        """True if this package loads the model, in the requested dtype; then a check may replace the model."""

    @property
    def pad_id(self) -> int | None:
        """Pad token id of the user's model, for a Trainer without a tokenizer; None if there is none."""

    @property
    def trains_as_script(self) -> bool:
        """Whether a run has a script's threads, kernels and warnings; else this package's, which are deterministic."""

    def held_back(self, device: str) -> tuple[str, ...]:
        """Name the settings of the user's Trainer that a run on this device always changes; empty without a Trainer."""

    def arguments(self, args: Mapping[str, Any]) -> TrainingArguments | None:
        """Return the user's arguments with the changes of a pipeline's ``args``; None without a user's Trainer."""

    def make_trainer(
        self, pipeline: Pipeline, *, seed: int, device: str, output_dir: Path, steps: int | None
    ) -> Trainer | None:
        """Make the user's Trainer for one run, with the parts that the pipeline changes.

        Args:
            pipeline: a pipeline of this source.
            seed: of initialisation, order and dropout.
            device: ``cpu``, ``cuda`` or ``mps``.
            output_dir: output folder of the Trainer.
            steps: ``max_steps``, if the pipeline sets it.

        Returns:
            None where the engine makes a Trainer or a loop from the pipeline's parts.

        """

    def described(self) -> object:
        """Return the source's part of the key of a run."""
