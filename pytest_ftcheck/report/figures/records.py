"""Entries of the JSON document for what the report page draws."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pytest_ftcheck.report.rows import Labelled  # noqa: TC001 - the fields of records are read at run time


@dataclass(frozen=True, kw_only=True)
class CurveRecord:
    """A value over the optimizer steps of a run, at most 200 points."""

    steps: list[int]
    """Last optimizer step of each point, counted from 1."""
    values: list[float]
    """Mean of the value over the steps since the point before."""


@dataclass(frozen=True, kw_only=True)
class ClassesRecord:
    """The confusion matrix of a run, for at most 40 classes."""

    names: list[str]
    """Names of the K classes."""
    counts: list[list[int]]
    """K rows, one for each label, of K numbers of rows, one for each prediction."""
    undefined: int
    """Number of rows without a prediction, because a logit is not finite, or with an unknown label."""


@dataclass(frozen=True, kw_only=True)
class ValuesRecord:
    """Labels and predictions that are numbers, of at most 400 evenly spaced rows."""

    labels: list[float]
    """Labels of the rows."""
    predictions: list[float]
    """Predictions for the rows, in the same order."""


@dataclass(frozen=True, kw_only=True)
class LabelRecord:
    """How often one label, class or type of entity is found."""

    name: str
    """Name of the label, class or type of entity."""
    right: int
    """Number of predictions of it that are right."""
    predicted: int
    """Number of predictions of it."""
    labelled: int
    """Number of times that the data has it."""


@dataclass(frozen=True, kw_only=True)
class AnswersRecord:
    """How well answers in words fit the right ones."""

    questions: int
    """Number of questions."""
    exact: int
    """Number of answers that are equal to a right one, after normalisation."""
    f1: list[int]
    """Number of answers by their F1, in ten bins of equal width from 0 to 1."""
    without_answer: int
    """Number of questions that have no answer."""
    unanswered: int
    """Number of questions to which the run gives no answer."""


@dataclass(frozen=True, kw_only=True)
class BinRecord:
    """Predictions of similar confidence."""

    low: float
    """Lower end of the bin, excluded."""
    high: float
    """Upper end of the bin, included."""
    rows: int
    """Number of predictions."""
    confidence: float
    """Mean probability of the prediction."""
    right: float
    """Fraction of the predictions that are right."""


@dataclass(frozen=True, kw_only=True)
class LengthsRecord:
    """Numbers of tokens of the rows of a split, of at most 5,000 evenly spaced rows."""

    split: str
    """``train``, or the name of the evaluation split."""
    rows: int
    """Number of rows that were counted."""
    bounds: list[int]
    """Ends of the B bins, B + 1 numbers of tokens; a bin includes its lower end."""
    counts: list[int]
    """Number of rows in each of the B bins."""
    longest: int
    """Number of tokens of the longest row."""
    limit: int | None
    """Largest number of tokens, by the recipe or the tokenizer; null where the project's own code tokenizes."""
    at_limit: int
    """Number of rows that have exactly ``limit`` tokens: most of them are truncated."""
    batch_size: int
    """Number of rows of a batch."""
    padding: float
    """Fraction of the tokens of batches that is padding, if each batch is padded to its longest row: of the training
    split in batches drawn at random with a fixed seed, of the evaluation split in the order of the rows."""


@dataclass(frozen=True, kw_only=True)
class WorstRecord:
    """A row with a high loss. Only a session with ``--ftcheck-html`` records rows."""

    row: int
    """Index in the evaluation data set."""
    id: Any
    """Value of the data's id column; the index where the data has no such column."""
    text: list[str]
    """One text for each text column, at most 600 characters of each."""
    label: Labelled
    """The label of the row."""
    prediction: Labelled
    """The prediction for the row."""
    loss: float
    """Loss of the row."""
    entities: dict[str, list[str]] | None = None
    """Entities that are ``lost`` or ``wrong``; null where tokens have no tags."""


@dataclass(frozen=True, kw_only=True)
class RunFigures:
    """What the report page draws of a run."""

    task: str
    """Name of the task."""
    engine: str
    """Engine that trained."""
    seed: int
    """Seed of the training."""
    folder: str
    """Folder of the run, which tells apart two runs of the same task, engine and seed."""
    losses: CurveRecord
    """Training loss; no points where nothing was trained."""
    learning_rates: list[CurveRecord]
    """Learning rates, one curve for each different one among the parameter groups, at most four."""
    steps: int
    """Number of optimizer steps."""
    classes: ClassesRecord | None = None
    """Confusion matrix; null where labels are no classes of rows, or too many."""
    values: ValuesRecord | None = None
    """Labels and predictions; null where labels are no numbers."""
    labels: list[LabelRecord] = field(default_factory=list)
    """One for each class, label of a set, or type of entity; empty for other labels."""
    answers: AnswersRecord | None = None
    """Answers to questions; null for other tasks."""
    calibration: list[BinRecord] = field(default_factory=list)
    """Bins of confidence with at least one prediction; empty where there are no probabilities."""
    lengths: list[LengthsRecord] = field(default_factory=list)
    """One for each split."""
    worst: list[WorstRecord] = field(default_factory=list)
    """Rows with the highest loss, the highest first; empty without ``--ftcheck-html``."""
    missing: dict[str, str] = field(default_factory=dict)
    """Why a figure is missing, by the name of its key."""
