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
    from torch import Tensor
    from transformers import PreTrainedModel, Trainer, TrainingArguments

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.pipeline.reads.inputs import Inputs

    Collator = Callable[[list[dict[str, Any]]], Any]


class SourceRows(Protocol):
    """Facts about the rows; data sets are named as a Trainer has them, such as ``eval_dataset``."""

    @property
    def tokenized_here(self) -> bool:
        """True if we tokenized the card's text columns; False if the user's code made the rows."""

    def count(self, name: str) -> int:
        """Return how many rows the user's Trainer has in a data set, before we left any out; 0 without a Trainer."""

    def is_streamed(self, name: str) -> bool:
        """Whether a data set of the user's Trainer is a stream, of which the table holds the first rows."""

    def given(self, name: str, rows: Dataset) -> Any:
        """Return a data set as the user's Trainer has it, for its table; any other table as it is."""

    def formatted(self, rows: Dataset) -> Dataset:
        """Give rows the format in which the collator gets them."""

    def evaluation_collator(self, collator: Collator) -> Collator:
        """Return the collator of an evaluation, for that of the training: a user's Trainer may have two."""


class SourceLoss(Protocol):
    """How a batch's loss is made."""

    def of_batch(self, model: PreTrainedModel, batch: Mapping[str, Any]) -> Tensor:
        """Compute the loss of a batch as training does.

        Returns:
            A scalar; any other return value of the user's loss is returned unchanged.

        """

    @property
    def is_of_model(self) -> bool:
        """Whether the loss is surely the model's own; a user's Trainer may have another one."""

    @property
    def weighs_micro_batches(self) -> bool:
        """Whether accumulated micro-batches weigh by their rows, as in our engines; else the user's model decides."""


class SourceEvaluation(Protocol):
    """The evaluation sets and their metrics."""

    @property
    def judged_set(self) -> str | None:
        """Name of the evaluation set that is judged; None where it has none."""

    @property
    def unjudged_sets(self) -> tuple[str, ...]:
        """Names of the evaluation sets that are not judged."""

    @property
    def ends_with_judged_rows(self) -> bool:
        """Whether the last evaluation of a run is that of the judged rows; a user's Trainer may go on to others."""

    @property
    def best_metric(self) -> str | None:
        """``metric_for_best_model`` of the user's arguments, named as in ``compute_metrics``; None: the recipe's."""

    @property
    def gives_all_declared(self) -> bool:
        """Whether all metrics that the card declares must be there; a user's come as they are, and may come and go."""


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
        """The optimizer that the Trainer was given; None where it makes one itself."""

    @property
    def lr_scheduler(self) -> Any:
        """The scheduler of the learning rate that the Trainer was given; None where it makes one itself."""

    @property
    def compute_loss_func(self) -> Any:
        """The loss that the Trainer was given; None without one."""

    @property
    def callbacks(self) -> Sequence[Any]:
        """The Trainer's callbacks, also the library's; none where the run makes the Trainer itself."""

    @property
    def makes_optimizer(self) -> bool:
        """Whether the user made the optimizer, or changed how the Trainer makes it."""

    @property
    def makes_schedule(self) -> bool:
        """Whether the user made the learning rate scheduler, or changed how the Trainer makes it."""

    @property
    def sampler(self) -> Any:
        """What draws the train rows, or the batches, where the user's code makes it; None where it does not."""

    def methods(self, *names: str) -> tuple[str, ...]:
        """Return those of these names of the Trainer's methods that the user has in a version of their own."""


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
        """What was read while the parts were made, which a kept run is compared with; None: nothing was recorded."""

    @property
    def seed(self) -> int | None:
        """Seed in the user's arguments; None where only the settings have a seed."""

    @property
    def loads_model(self) -> bool:
        """True if we load the model, in the requested dtype; then a check may replace the model."""

    @property
    def pad_id(self) -> int | None:
        """Id of padding where there is no tokenizer: that of the user's model, if any."""

    @property
    def trains_as_script(self) -> bool:
        """Whether a run has the threads, kernels and warnings of a script; else ours, which are deterministic."""

    def held_back(self, device: str) -> tuple[str, ...]:
        """Name what a run on this device sets of the user's Trainer, whatever they have; nothing without one."""

    def arguments(self, args: Mapping[str, Any]) -> TrainingArguments | None:
        """Return the user's arguments with what a pipeline's ``args`` change; None where those are all there is."""

    def make_trainer(
        self, pipeline: Pipeline, *, seed: int, device: str, output_dir: Path, steps: int | None
    ) -> Trainer | None:
        """Make the user's Trainer for one run, with what the pipeline changes of its parts.

        Args:
            pipeline: made of this source.
            seed: of initialisation, order and dropout.
            device: ``cpu``, ``cuda`` or ``mps``.
            output_dir: where it may write.
            steps: ``max_steps``, where the pipeline asks for it.

        Returns:
            None where the engine makes what it needs of the pipeline's parts.

        """

    def described(self) -> object:
        """Return the source's part of the key of a run."""
