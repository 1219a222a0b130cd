"""Rules of a head whose raw rows become several tokenized rows each: one answer for each raw row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from datasets import Dataset
    from numpy.typing import NDArray

    from pytest_ftcheck.heads.rows import EvaluatedRows


class AnswerRules(Protocol):
    """How the outputs of N tokenized rows become those of Q raw rows; see `pytest_ftcheck.heads.answers`."""

    def in_one_form(self, rows: Dataset, context: str, answers: str, where: str) -> Dataset:
        """Return raw rows with the label column in the form of `LabelRules.encode`, for any known form of the answers.

        Args:
            rows: rows of the source.
            context: name of the raw column that contains the answers.
            answers: name of the raw label column.
            where: the split in words, for messages.

        Raises:
            DataError: there are no answers, or their form is unknown.

        """

    def outputs(
        self, logits: NDArray[Any], windows: Dataset, questions: Dataset, context: str, answers: str
    ) -> dict[str, NDArray[Any]]:
        """Return arrays with one row for each raw row, by name.

        Args:
            logits: logits of the N tokenized rows, ``[N, T, 2]``.
            windows: the tokenized rows, with the index of the raw row of each.
            questions: the Q raw rows.
            context: name of the raw column that contains the answers.
            answers: name of the raw label column.

        Raises:
            DataError: the numbers of logits and windows differ.

        """

    def evaluated(self, outputs: Mapping[str, NDArray[Any]]) -> EvaluatedRows:
        """Return the rows that gates evaluate: Q labels and predictions."""

    def references(self, answers: Iterable[Any]) -> NDArray[np.str_]:
        """Return raw labels in the form of `evaluated`, ``[Q]``."""

    def losses(self, rows: EvaluatedRows) -> NDArray[np.float64]:
        """Return the error of each prediction, ``[Q]``, 0 for a right prediction."""
