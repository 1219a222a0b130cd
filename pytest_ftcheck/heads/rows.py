"""The rows that a gate evaluates: a label and a prediction for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.heads.arrays import floats
from pytest_ftcheck.heads.registry import head_named, head_of_predictions
from pytest_ftcheck.heads.traits import CLASSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_ftcheck.heads.head import Head

NO_LOGITS = "probabilities need logits, but only predictions are known."


class Evaluated(Protocol):
    """The parts of a run that `EvaluatedRows` needs."""

    @property
    def logits(self) -> NDArray[Any]:
        """``[N, K]``."""

    @property
    def label_ids(self) -> NDArray[Any]:
        """``[N, …]``."""

    @property
    def outputs(self) -> Mapping[str, NDArray[Any]]:
        """All arrays by name."""

    @property
    def head(self) -> str:
        """Name of the head."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the K columns of logits; may be empty."""


@dataclass(frozen=True)
class EvaluatedRows:
    """Labels and predictions of N rows of any head, in the order of the evaluation data set.

    The arrays are those of a run, or of an accepted run. Checks that need one label a row convert them to
    `pytest_ftcheck.checks.metrics.rows.SingleLabelRows`, which refuses other labels.
    """

    label_ids: NDArray[Any]
    """``[N]``: class ids, or floats for regression; ``[N, …]`` for other heads."""
    predictions: NDArray[Any]
    """``[N]``: class ids (`NO_CLASS` for a logit that is not finite), or floats for regression; else ``[N, …]``."""
    logits: NDArray[Any] | None = None
    """``[N, K]``, one column for regression or for a sigmoid; None where only predictions are known."""
    head: Head | None = None
    """Name of the head; None: the head of classes or of values, by the dtype of the predictions."""
    label_names: tuple[str, ...] = ()
    """Names of the K columns of logits; empty where they have no names."""

    def __post_init__(self) -> None:
        """Check that all columns have the same number of rows.

        Raises:
            DataError: the numbers of labels and of predictions or logits differ.

        """
        counts = [len(self.label_ids), len(self.predictions)]
        counts += [] if self.logits is None else [len(self.logits)]
        if len(set(counts)) > 1:
            msg = f"{counts[0]} labels, {counts[1]} predictions" + (f", {counts[2]} logits" if counts[2:] else "")
            raise DataError(msg + ": a row is missing or repeated.")

    @classmethod
    def of_logits(
        cls, logits: NDArray[Any], label_ids: NDArray[Any], head: str, label_names: Sequence[str] = ()
    ) -> EvaluatedRows:
        """Make rows from logits ``[N, K]`` and label ids ``[N]``; ``[N, …]`` for other heads.

        With one logit, a classification uses a sigmoid: a positive logit is class 1.

        Raises:
            TaskError: the head is unknown, or the logits have another shape.
            DataError: the numbers of logits and labels differ.

        """
        rules, columns = head_named(head), logits
        if CLASSES in rules.traits and logits.ndim > 1 and logits.shape[1] == 1:
            columns = np.concatenate([np.zeros_like(logits), logits], axis=1)
        return cls(label_ids, rules.outputs.predictions(floats(columns)), logits, rules, tuple(label_names))

    @classmethod
    def of_run(cls, run: Evaluated) -> EvaluatedRows:
        """Make rows from the outputs of a run; the errors are those of `of_logits`."""
        answers = head_named(run.head).answers
        if answers is not None:
            return answers.evaluated(run.outputs)
        return cls.of_logits(run.logits, run.label_ids, run.head, run.label_names)

    def __len__(self) -> int:
        """Return N."""
        return len(self.label_ids)

    @property
    def head_rules(self) -> Head:
        """The head that made the predictions."""
        return self.head or head_of_predictions(self.predictions.dtype)

    @property
    def regression(self) -> bool:
        """True if predictions are values, not classes."""
        return self.head_rules.values

    @property
    def finite(self) -> bool:
        """True if no label, prediction or logit is NaN or infinite."""
        columns = [self.label_ids, self.predictions] + ([] if self.logits is None else [self.logits])
        return all(bool(np.isfinite(column).all()) for column in columns if column.dtype.kind != "U")

    @property
    def num_labels(self) -> int:
        """Number of classes: the number of logits, else the highest id plus one; at least two."""
        width = 0 if self.logits is None else self.logits.shape[-1]
        seen = max((int(column.max()) for column in (self.label_ids, self.predictions) if len(column)), default=0)
        return max(width, seen + 1, 2)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """``[N, K]``, softmax of the logits; for one logit, 1 minus its sigmoid and its sigmoid (K = 2).

        Raises:
            DataError: there are no logits.

        """
        if self.logits is None:
            raise DataError(NO_LOGITS)
        scores = self.logits.astype(np.float64)
        if scores.shape[1] == 1:
            scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
        return self.head_rules.outputs.scores(scores)

    def take(self, mask: NDArray[np.bool_]) -> EvaluatedRows:
        """Return the rows where the mask ``[N]`` is True."""
        logits = None if self.logits is None else self.logits[mask]
        return EvaluatedRows(self.label_ids[mask], self.predictions[mask], logits, self.head, self.label_names)
