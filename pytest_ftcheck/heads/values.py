"""The head of regression: one number on a scale a row."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.heads.arrays import single_column
from pytest_ftcheck.heads.head import Head
from pytest_ftcheck.heads.model import TransformersModel
from pytest_ftcheck.heads.traits import LABEL_PER_ROW, TEXTS, VALUES
from pytest_ftcheck.heads.value_metrics import ScoringOfValues

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_ftcheck.heads.model_parts import Reduction

_LARGEST = 3.4028234663852886e38
"""Largest finite float32."""
_TENTHS = 50


class CardOfValues:
    """See `CardRules`."""

    def refusal(self, label_names: Sequence[str], slices: Sequence[str]) -> str:
        """Refuse names of classes, and slices of classes."""
        if label_names:
            return f"label_names must be absent: head {HEAD.name!r} has no classes"
        return f"slices: remove 'class': head {HEAD.name!r} has no classes" if "class" in slices else ""

    def width(self, label_names: Sequence[str]) -> int:
        """One logit, which is the value."""
        del label_names
        return 1


class LabelsOfValues:
    """See `LabelRules`: finite numbers."""

    def arrow_type(self) -> pa.DataType:
        """Float32, as the model's loss takes them."""
        import pyarrow as pa  # noqa: PLC0415 - a card is read before anything heavy is imported

        return pa.float32()

    def encode(self, value: Any, label_names: Sequence[str], where: str) -> float:
        """Convert a number."""
        del label_names
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not abs(number) <= _LARGEST:
            msg = f"{where}: label {value!r} is not a finite number, as regression needs. Remove or correct the row."
            raise DataError(msg)
        return number

    def expected(self, num_labels: int) -> str:
        """Describe the labels: any finite number."""
        del num_labels
        return "finite numbers"

    def fits(self, label: Any, num_labels: int) -> bool:
        """Return whether the label is a finite number."""
        del num_labels
        return isinstance(label, Real) and math.isfinite(label)

    def dtypes(self, *, own_loss: bool) -> tuple[str, ...]:
        """Float32; a user's loss may accept integers."""
        return ("float32", "int64") if own_loss else ("float32",)

    def stacked(self, labels: Sequence[Any]) -> NDArray[Any]:
        """Return ``[N]``."""
        return np.asarray(labels)

    def kept_dtype(self) -> str:
        """Float32, as in a batch."""
        return "float32"

    def choices(self, known: Sequence[Any], num_labels: int) -> Sequence[Any]:
        """Return the known labels, else tenths: like real scores (3.8), they have no exact binary form.

        A conversion to half precision therefore changes them.
        """
        del num_labels
        return sorted(set(known)) or [tenth / 10 for tenth in sorted(range(_TENTHS, -_TENTHS - 1, -1), key=abs)]

    def made_up(self, row: int, num_labels: int) -> float:
        """Return tenths."""
        del num_labels
        return row / 10


class SquaredError:
    """See `Loss`: the mean over the rows."""

    name = "squared error"

    def __call__(
        self, logits: Tensor, labels: Tensor, *, reduction: Reduction = "mean", label_smoothing: float = 0.0
    ) -> Tensor:
        """Compute the loss of logits ``[B, 1]`` and labels ``[B]``; integers become floats."""
        import torch  # noqa: PLC0415 - slow to import

        del label_smoothing
        values = labels if labels.is_floating_point() else labels.to(logits.dtype)
        return torch.nn.functional.mse_loss(logits.squeeze(-1), values, reduction=reduction)

    def of_constant(self, labels: NDArray[Any], num_labels: int, label_smoothing: float = 0.0) -> float:
        """Return the variance of the labels."""
        del num_labels, label_smoothing
        return float(labels.var())

    def at_start(self, labels: Tensor, num_labels: int, thresholds: Mapping[str, float]) -> tuple[float, float, str]:
        """Return the range from a fraction of the labels' variance to a multiple of their mean square."""
        del num_labels
        values = labels.float()  # with one logit for two classes, labels are integers
        variance = float(values.var())
        low, high = thresholds["below"] * variance, thresholds["times"] * (float(values.square().mean()) + 1)
        return low, high, f"{low:.3g} to {high:.3g}: labels of variance {variance:.3g}"


class OutputsOfValues:
    """See `Outputs`: logits ``[N, 1]``."""

    def shapes(self, rows: int, num_labels: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of an evaluation."""
        return {"logits": (rows, num_labels), "labels": (rows,)}

    def are_of(self, logits: Any, labels: Any, num_labels: int) -> bool:
        """Return False: `head_of_width` decides if no other head does."""
        del logits, labels, num_labels
        return False

    def judged(self, logits: NDArray[Any], label_ids: NDArray[Any]) -> NDArray[Any]:
        """Return all logits, ``[N, K]``."""
        del label_ids
        return logits.reshape(len(logits), -1)

    def normalised(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Add a second axis to ``[N]``."""
        return logits[:, None] if np.ndim(logits) == 1 else logits

    def references(self, label_ids: NDArray[Any]) -> NDArray[Any]:
        """Return values as ``[N]``."""
        return single_column(label_ids)

    def predictions(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values, ``[N]``."""
        return single_column(logits)

    def raw_predictions(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Return the first column."""
        return logits[:, 0]

    def scores(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values unchanged."""
        return logits


HEAD = Head(
    name="regression",
    traits=frozenset({VALUES, LABEL_PER_ROW, TEXTS}),
    card=CardOfValues(),
    labels=LabelsOfValues(),
    model=TransformersModel(
        auto_class="AutoModelForSequenceClassification",
        words="sequence classification",
        problem_type="regression",
        mistaken_problem_type="single_label_classification",
        one_label="one number a row",
    ),
    loss=SquaredError(),
    outputs=OutputsOfValues(),
    scoring=ScoringOfValues(),
)
