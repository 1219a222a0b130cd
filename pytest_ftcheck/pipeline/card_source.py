"""Parts that come from a task card and a checkpoint: no part is the user's own code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from transformers import PreTrainedModel, Trainer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from datasets import Dataset
    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.pipeline.source import Collator, OwnParts, SourceEvaluation, SourceLoss, SourceRows


@dataclass(frozen=True)
class CardRows:
    """Rows that this package tokenized; see `SourceRows`."""

    tokenized_here: bool = True

    def count(self, name: str) -> int:
        """Return 0: there is no Trainer."""
        del name
        return 0

    def is_streamed(self, name: str) -> bool:
        """Return False: our rows are tables."""
        del name
        return False

    def given(self, name: str, rows: Dataset) -> Dataset:
        """Return the table itself."""
        del name
        return rows

    def formatted(self, rows: Dataset) -> Dataset:
        """Return the rows unchanged."""
        return rows

    def evaluation_collator(self, collator: Collator) -> Collator:
        """Return the train collator."""
        return collator


@dataclass(frozen=True)
class ModelLoss:
    """The model's own loss, which the engines weight by the number of rows; see `SourceLoss`."""

    is_of_model: bool = True
    weighs_micro_batches: bool = True

    def of_batch(self, model: PreTrainedModel, batch: Mapping[str, Any]) -> Tensor:
        """Return the loss that the model computes."""
        return cast("Tensor", cast("Any", model)(**batch).loss)


@dataclass(frozen=True)
class CardEvaluation:
    """One evaluation set, and the card's metrics; see `SourceEvaluation`."""

    judged_set: None = None
    unjudged_sets: tuple[()] = ()
    ends_with_judged_rows: bool = True
    best_metric: None = None
    gives_all_declared: bool = True
    questions: None = None
    made_up: None = None

    def raw_outputs(self, pipeline: Pipeline, logits: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return the answers of raw rows by the rules of the head, if it has some."""
        card, rows = pipeline.card, pipeline.data.evaluation
        rules = card.head_rules.answers
        if rules is None:
            return {}
        return rules.outputs(logits, pipeline.eval_dataset, rows, card.text_columns[-1], card.label_column)


@dataclass(frozen=True)
class NoOwnParts:
    """The library's Trainer and model, without any part of the user's; see `OwnParts`."""

    trainer_class: type[Any] = Trainer
    model_class: type[Any] = PreTrainedModel
    optimizer: None = None
    lr_scheduler: None = None
    compute_loss_func: None = None
    callbacks: tuple[()] = ()
    post_process_function: None = None
    makes_optimizer: bool = False
    makes_schedule: bool = False
    sampler: None = None

    def methods(self, *names: str) -> tuple[str, ...]:
        """Return an empty tuple: every method is the library's."""
        del names
        return ()


@dataclass(frozen=True)
class CardSource:
    """A task card and a checkpoint; see `pytest_ftcheck.pipeline.source.Source`."""

    rows: SourceRows = field(default_factory=CardRows)
    loss: SourceLoss = field(default_factory=ModelLoss)
    evaluation: SourceEvaluation = field(default_factory=CardEvaluation)
    own: OwnParts = field(default_factory=NoOwnParts)
    spec: None = None
    inputs: None = None
    seed: None = None
    loads_model: bool = True
    pad_id: None = None
    trains_as_script: bool = False

    def held_back(self, device: str) -> tuple[str, ...]:
        """Return an empty result: this package sets all settings of a run."""
        del device
        return ()

    def arguments(self, args: Mapping[str, Any]) -> None:
        """Return None: there are no arguments except the recipe."""
        del args

    def make_trainer(self, pipeline: Pipeline, *, seed: int, device: str, output_dir: Path, steps: int | None) -> None:
        """Return None: the engine uses the pipeline's parts."""
        del pipeline, seed, device, output_dir, steps

    def described(self) -> None:
        """Return None: the parts themselves are in the key."""
