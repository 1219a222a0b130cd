"""The head of sequence classification: one of K classes a row."""

from __future__ import annotations

import math
import re
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.errors import DataError, TaskError, closest
from pytest_ftcheck.heads.arrays import MATRIX, single_column, softmax
from pytest_ftcheck.heads.class_metrics import ScoringOfClasses
from pytest_ftcheck.heads.head import Head
from pytest_ftcheck.heads.model import TransformersModel
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW, TEXTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_ftcheck.heads.model_parts import Reduction

NO_CLASS = -1
"""Prediction of a row whose logits are not finite. No label equals it, so the row counts as wrong."""
_FEWEST = 2
"""Minimum number of classes."""


class CardOfClasses:
    """See `CardRules`."""

    def refusal(self, label_names: Sequence[str], slices: Sequence[str]) -> str:
        """Require at least two classes."""
        del slices
        enough = len(label_names) >= _FEWEST
        return "" if enough else "label_names must name at least two classes, in the order of their ids"

    def width(self, label_names: Sequence[str]) -> int:
        """One logit for each class."""
        return len(label_names)


class LabelsOfClasses:
    """See `LabelRules`: class ids from 0 to K - 1."""

    def arrow_type(self) -> pa.DataType:
        """Int64: cross entropy indexes with them."""
        import pyarrow as pa  # noqa: PLC0415 - a card is read before anything heavy is imported

        return pa.int64()

    def encode(self, value: Any, label_names: Sequence[str], where: str) -> int:
        """Convert a name or a class id; if all names are integers, an integer is a name."""
        names = list(label_names)
        if isinstance(value, str) and value in names:
            return names.index(value)
        number = float(value) if isinstance(value, (int, float)) else math.nan
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]+", value) and not all(name.isdigit() for name in names):
            number = float(value)
        if number.is_integer() and 0 <= number < len(names):
            return int(number)
        classes = ", ".join(f"{index} = {name}" for index, name in enumerate(names))
        todo = "Correct the row, or the card's label_names."
        if number == -1:
            todo = "-1 marks a hidden label, as in the test splits of GLUE: evaluate on a split that has labels."
        guess = closest(value, names) if isinstance(value, str) else ""
        msg = f"{where}: label {value!r} is not one of the classes ({classes}).{guess} {todo}"
        raise DataError(msg)

    def expected(self, num_labels: int) -> str:
        """Name the range of the ids."""
        return f"class ids from 0 to {num_labels - 1}, whole numbers"

    def fits(self, label: Any, num_labels: int) -> bool:
        """Whole numbers from 0 to K - 1."""
        return isinstance(label, Integral) and 0 <= int(label) < num_labels

    def dtypes(self, *, own_loss: bool) -> tuple[str, ...]:
        """Int64 alone."""
        del own_loss
        return ("int64",)

    def stacked(self, labels: Sequence[Any]) -> NDArray[Any]:
        """Return ``[N]``."""
        return np.asarray(labels)

    def kept_dtype(self) -> str:
        """Int32, which is enough for class ids."""
        return "int32"

    def choices(self, known: Sequence[Any], num_labels: int) -> Sequence[int]:
        """Every class."""
        del known
        return range(num_labels)

    def made_up(self, row: int, num_labels: int) -> int:
        """Return the classes in turn."""
        return row % num_labels


class CrossEntropy:
    """See `Loss`: the mean over the rows."""

    name = "cross entropy"

    def __call__(
        self, logits: Tensor, labels: Tensor, *, reduction: Reduction = "mean", label_smoothing: float = 0.0
    ) -> Tensor:
        """Compute the loss of logits ``[B, K]`` and class ids ``[B]``; with K = 1, a positive logit is class 1."""
        import torch  # noqa: PLC0415 - slow to import

        if logits.shape[1] == 1:
            logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
        return torch.nn.functional.cross_entropy(
            logits, labels.long(), reduction=reduction, label_smoothing=label_smoothing
        )

    def of_constant(self, labels: NDArray[Any], num_labels: int, label_smoothing: float = 0.0) -> float:
        """Return the entropy of the labels in nats."""
        shares = np.bincount(labels.astype(int).clip(0), minlength=num_labels) / max(len(labels), 1)
        shares = (1 - label_smoothing) * shares + label_smoothing / len(shares)
        return float(-(shares * np.log(np.where(shares > 0, shares, 1))).sum())

    def at_start(self, labels: Tensor, num_labels: int, thresholds: Mapping[str, float]) -> tuple[float, float, str]:
        """Return the range around ln K."""
        del labels
        nats = math.log(num_labels)
        low, high = thresholds["below"] * nats, nats + thresholds["above"]
        return (
            low,
            high,
            f"{low:.3g} to {high:.3g}: the loss of a guess among {num_labels} classes is ln {num_labels} = {nats:.3g}",
        )


class OutputsOfClasses:
    """See `Outputs`: logits ``[N, K]``, K >= 2."""

    def shapes(self, rows: int, num_labels: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of logits and labels."""
        return {"logits": (rows, num_labels), "labels": (rows,)}

    def are_of(self, logits: Any, labels: Any, num_labels: int) -> bool:
        """Return False: `head_of_width` decides if no other head does."""
        del logits, labels, num_labels
        return False

    def judged(self, logits: NDArray[Any], label_ids: NDArray[Any]) -> NDArray[Any]:
        """Return all of them, ``[N, K]``."""
        del label_ids
        return logits.reshape(len(logits), -1)

    def normalised(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Return the logits unchanged."""
        return logits

    def references(self, label_ids: NDArray[Any]) -> NDArray[Any]:
        """Return class ids as ``[N]``."""
        return single_column(label_ids)

    def predictions(self, logits: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the class of the highest logit (the first of equal ones), ``[N]``.

        `NO_CLASS` where a logit of the row is NaN or infinite: ``argmax`` alone would name the NaN's class.
        """
        if logits.ndim != MATRIX or logits.shape[1] < _FEWEST:
            msg = (
                f"head {HEAD.name!r} takes logits [N, K] with K >= 2 classes, got shape {logits.shape}; a model with "
                "num_labels=1 has head 'regression'."
            )
            raise TaskError(msg)
        finite = np.isfinite(logits).all(axis=1)
        return np.where(finite, logits.argmax(axis=1), NO_CLASS).astype(np.int64)

    def raw_predictions(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Return the class of the highest logit."""
        return np.asarray(logits.argmax(axis=-1))

    def scores(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return probabilities: the softmax."""
        return softmax(logits)


HEAD = Head(
    name="sequence-classification",
    traits=frozenset({CLASSES, LABEL_PER_ROW, TEXTS}),
    card=CardOfClasses(),
    labels=LabelsOfClasses(),
    model=TransformersModel(
        auto_class="AutoModelForSequenceClassification",
        words="sequence classification",
        problem_type="single_label_classification",
        mistaken_problem_type="multi_label_classification",
        one_label="one of {} classes a row",
    ),
    loss=CrossEntropy(),
    outputs=OutputsOfClasses(),
    scoring=ScoringOfClasses(),
)
