"""The parts of one fine-tune, as they are handed to an engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from datasets import Dataset
    from transformers import EvalPrediction, PreTrainedModel, PreTrainedTokenizerBase

    from pytest_ftcheck.pipeline.from_checkpoint import Checkpoint
    from pytest_ftcheck.tasks.card import TaskCard
    from pytest_ftcheck.tasks.datasets import TaskData


@dataclass(frozen=True)
class Pipeline:
    """The parts of one fine-tune, named as `transformers.Trainer` names them."""

    card: TaskCard
    tier: str
    checkpoint: Checkpoint
    data: TaskData
    """Raw rows; row i of ``eval_dataset`` is row i of ``data.evaluation``."""
    model_init: Callable[[], PreTrainedModel]
    """Makes a fresh model with a new head; the caller seeds."""
    processing_class: PreTrainedTokenizerBase
    train_dataset: Dataset
    """Tokenized: the tokenizer's columns, ragged, and ``labels``."""
    eval_dataset: Dataset
    data_collator: Callable[[list[dict[str, Any]]], Mapping[str, Any]]
    compute_metrics: Callable[[EvalPrediction], dict[str, float]]
    args: Mapping[str, Any]
    """The recipe: keyword arguments of `transformers.TrainingArguments`."""

    @property
    def subject(self) -> str:
        """What is trained on what, for messages: ``mrpc with tiny-bert on bundled``."""
        return f"{self.card.name} with {self.checkpoint.name} on {self.data.source}"
