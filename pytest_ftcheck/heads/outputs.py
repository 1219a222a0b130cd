"""What the outputs of several heads have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class OutputsAsTheyAre:
    """See `Outputs`: logits and label ids whose axes a model and an evaluation always give."""

    def normalised(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Leave logits as they are."""
        return logits

    def references(self, label_ids: NDArray[Any]) -> NDArray[Any]:
        """Leave label ids as they are."""
        return label_ids


class OutputsPerLabel(OutputsAsTheyAre, ABC):
    """See `Outputs`: a logit for each label, both ``[N, K]``. A head adds what predictions and scores are."""

    def shapes(self, rows: int, num_labels: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of an evaluation."""
        return {"logits": (rows, num_labels), "labels": (rows, num_labels)}

    def are_of(self, logits: Any, labels: Any, num_labels: int) -> bool:
        """Tell nothing: a card names the head."""
        del logits, labels, num_labels
        return False

    def judged(self, logits: NDArray[Any], label_ids: NDArray[Any]) -> NDArray[Any]:
        """Return all of them."""
        del label_ids
        return logits

    @abstractmethod
    def predictions(self, logits: NDArray[np.float64]) -> NDArray[Any]:
        """Turn logits into predictions, both ``[N, K]``."""

    def raw_predictions(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Predict as for a metric."""
        return self.predictions(logits)

    @abstractmethod
    def scores(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn logits into the scores that `transformers.pipeline` answers with, both ``[N, K]``."""
