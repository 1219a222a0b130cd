"""The parts of one fine-tune, which an engine trains."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.columns import LABEL_NAMES, label_names_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from datasets import Dataset
    from transformers import EvalPrediction, PreTrainedModel, PreTrainedTokenizerBase

    from pytest_ftcheck.pipeline.from_checkpoint import Checkpoint
    from pytest_ftcheck.pipeline.source import Source
    from pytest_ftcheck.tasks.card import TaskCard
    from pytest_ftcheck.tasks.datasets import TaskData


@dataclass(frozen=True)
class Pipeline:
    """The parts of one fine-tune, named as `transformers.Trainer` names them."""

    card: TaskCard
    tier: str
    checkpoint: Checkpoint
    data: TaskData
    """Raw rows; row i of ``eval_dataset`` is row i of ``data.evaluation``, unless the head has `Head.answers`."""
    model_init: Callable[[], PreTrainedModel]
    """Makes a fresh model with a new head; the caller seeds."""
    processing_class: PreTrainedTokenizerBase | None
    """The tokenizer; None where a user's Trainer has none."""
    train_dataset: Dataset
    """Tokenized: the tokenizer's columns, ragged, and the labels."""
    eval_dataset: Dataset
    data_collator: Callable[[list[dict[str, Any]]], Mapping[str, Any]]
    compute_metrics: Callable[[EvalPrediction], dict[str, float]] | None
    args: Mapping[str, Any]
    """The recipe: keyword arguments of `transformers.TrainingArguments`; for a user's Trainer, all but the defaults."""
    source: Source
    """Where the parts come from: a card and a checkpoint, or a user's Trainer."""
    fast_cpu: bool = False
    """True: train on a CPU with the kernels of `pytest_ftcheck.training.cpu`, which draw other random numbers."""
    trains: bool = True
    """False: the model is already fine-tuned and evaluated without training."""
    timeout: float | None = None
    """Time limit in seconds for each of: making the Trainer, training, an answer of the saved model; None: no limit."""
    resume_from: Path | None = None
    """A checkpoint of the Trainer from which training resumes."""
    patches: tuple[Callable[[], AbstractContextManager[object]], ...] = ()
    """Contexts that are active during training, evaluation and saving: they plant faults of a training loop."""

    @property
    def subject(self) -> str:
        """Task, checkpoint and data in words, for messages: ``mrpc with tiny-bert on bundled``."""
        return f"{self.card.name} with {self.checkpoint.name} on {self.data.source}"

    @property
    def raw_evaluation(self) -> Dataset:
        """The raw rows of which gates evaluate an answer each: of the data, or of a user's Trainer."""
        asked = self.source.evaluation.questions
        return self.data.evaluation if asked is None else asked

    @property
    def label_column(self) -> str:
        """Name of the labels in the tokenized data sets: ``labels``, or ``label`` where the collator renames it."""
        return self.label_columns[0]

    @property
    def label_columns(self) -> tuple[str, ...]:
        """Names of the columns of the tokenized data sets that hold labels: one, or first and last token.

        If a collator draws the labels, this is their name in a batch, although no data set has this column.
        """
        found = label_names_in(self.eval_dataset.column_names)
        return found if found or self.card.head_rules.masks is None else LABEL_NAMES[:1]

    @property
    def draws_labels_anew(self) -> bool:
        """Whether each evaluation has other labels: the collator draws them, and the rows have none."""
        masked = self.card.head_rules.masks is not None
        return masked and not label_names_in(self.eval_dataset.column_names)

    @property
    def pad_id(self) -> int | None:
        """Pad token id of the tokenizer, else of the configuration of a user's model."""
        pad_id = getattr(self.processing_class, "pad_token_id", None)
        return self.source.pad_id if pad_id is None else int(pad_id)

    @contextmanager
    def patched(self) -> Iterator[None]:
        """Enter all patches."""
        with ExitStack() as stack:
            for patch in self.patches:
                stack.enter_context(patch())
            yield
