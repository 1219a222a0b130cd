"""Base classes for the outputs of several heads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class OutputsAsTheyAre:
    """See `Outputs`: models and evaluations never omit or add an axis."""

    def normalised(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Return the logits unchanged."""
        return logits

    def references(self, label_ids: NDArray[Any]) -> NDArray[Any]:
        """Return the label ids unchanged."""
        return label_ids


class OutputsPerLabel(OutputsAsTheyAre, ABC):
    """See `Outputs`: a logit for each label, both ``[N, K]``. A subclass defines predictions and scores."""

    def shapes(self, rows: int, num_labels: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of an evaluation."""
        return {"logits": (rows, num_labels), "labels": (rows, num_labels)}

    def are_of(self, logits: Any, labels: Any, num_labels: int) -> bool:
        """Return False: only a card names the head."""
        del logits, labels, num_labels
        return False

    def judged(self, logits: NDArray[Any], label_ids: NDArray[Any]) -> NDArray[Any]:
        """Return all logits."""
        del label_ids
        return logits

    @abstractmethod
    def predictions(self, logits: NDArray[np.float64]) -> NDArray[Any]:
        """Convert logits to predictions, both ``[N, K]``."""

    def raw_predictions(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Return the same predictions as for a metric."""
        return self.predictions(logits)

    @abstractmethod
    def scores(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert logits to the scores that `transformers.pipeline` returns, both ``[N, K]``."""
