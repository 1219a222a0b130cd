"""What a head says whose raw rows become several tokenized rows each: one answer for each raw row."""

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
        """Return raw rows with the label column as `LabelRules.encode` takes it, whatever form their answers have.

        Args:
            rows: as the source has them.
            context: name of the raw column that answers stand in.
            answers: name of the raw label column.
            where: the split in words, for messages.

        Raises:
            DataError: no answers, or in no form that is known.

        """

    def outputs(
        self, logits: NDArray[Any], windows: Dataset, questions: Dataset, context: str, answers: str
    ) -> dict[str, NDArray[Any]]:
        """Return arrays with one row for each raw row, by name.

        Args:
            logits: of the N tokenized rows, ``[N, T, 2]``.
            windows: the tokenized rows, which say which raw row they are of.
            questions: the Q raw rows.
            context: name of the raw column that answers stand in.
            answers: name of the raw label column.

        Raises:
            DataError: another number of logits than of windows.

        """

    def evaluated(self, outputs: Mapping[str, NDArray[Any]]) -> EvaluatedRows:
        """Return what gates look at: Q labels and predictions."""

    def references(self, answers: Iterable[Any]) -> NDArray[np.str_]:
        """Return raw labels as `evaluated` has them, ``[Q]``."""

    def losses(self, rows: EvaluatedRows) -> NDArray[np.float64]:
        """Return how wrong each prediction is, ``[Q]``, 0 where it is right."""
