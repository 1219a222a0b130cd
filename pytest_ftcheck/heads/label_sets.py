"""The head of multi-label classification: a row has any number of K labels, each predicted independently.

The label of a row is a vector of K numbers: 1 for each label that the row has, else 0. Fractions between 0 and 1, such
as of votes, stay unchanged.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.errors import DataError, TaskError
from pytest_ftcheck.heads.arrays import MATRIX
from pytest_ftcheck.heads.classes import NO_CLASS, CardOfClasses, LabelsOfClasses
from pytest_ftcheck.heads.head import Head, Serving
from pytest_ftcheck.heads.label_set_metrics import ScoringOfLabelSets
from pytest_ftcheck.heads.model import TransformersModel
from pytest_ftcheck.heads.outputs import OutputsAsTheyAre
from pytest_ftcheck.heads.traits import LABEL_SETS, TEXTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_ftcheck.heads.model_parts import Reduction

_ROUNDING = 1e-4
"""Tolerance of the sum of a row's fractions, which should be 1."""
_FEWEST = 2
"""Minimum number of labels: with one label, the task is classification with two classes."""


class CardOfLabelSets(CardOfClasses):
    """See `CardRules`."""

    def refusal(self, label_names: Sequence[str], slices: Sequence[str]) -> str:
        """Require at least two labels, and no slices of classes."""
        if "class" in slices:
            return f"slices: remove 'class': with head {HEAD.name!r}, a row has no single class"
        return super().refusal(label_names, slices)


class LabelsOfSets(LabelsOfClasses):
    """See `LabelRules`: K numbers from 0 to 1."""

    def arrow_type(self) -> pa.DataType:
        """Lists of float32, which binary cross entropy takes."""
        import pyarrow as pa  # noqa: PLC0415 - a card is read before anything heavy is imported

        return pa.list_(pa.float32())

    def encode(self, value: Any, label_names: Sequence[str], where: str) -> Any:
        """Convert a vector of K numbers from 0 to 1, or a list of distinct names or ids, which may be empty.

        With two labels, ``[0, 1]`` is a vector.

        Raises:
            DataError: the value is not a list, or a label is unknown or occurs twice.

        """
        names = list(label_names)
        if not isinstance(value, list):
            msg = f"{where}: label {value!r} is not a list. Expected {self.expected(len(names))}, or a list of names "
            raise DataError(msg + "or ids.")
        if len(value) == len(names) and all(map(_is_share, value)):
            return [float(part) for part in value]
        read = super().encode
        ids = [read(part, names, f"{where}, label {place}") for place, part in enumerate(value)]
        if len(set(ids)) < len(ids):
            twice = next(names[label] for label in ids if ids.count(label) > 1)
            msg = f"{where}: label {twice!r} occurs twice in {value!r}. Remove one, or give a vector of {len(names)} "
            raise DataError(msg + "numbers, 0 or 1.")
        return [float(label in ids) for label in range(len(names))]

    def expected(self, num_labels: int) -> str:
        """Describe the vector."""
        return f"a list of {num_labels} numbers from 0 to 1"

    def fits(self, label: Any, num_labels: int) -> bool:
        """Return whether the label is a vector of K numbers from 0 to 1."""
        if not hasattr(label, "__len__") or len(label) != num_labels:
            return False
        return all(map(_is_share, label))

    def dtypes(self, *, own_loss: bool) -> tuple[str, ...]:
        """Float32; a user's loss may accept other dtypes."""
        return ("float32", "float64", "int64", "bool") if own_loss else ("float32",)

    def stacked(self, labels: Sequence[Any]) -> NDArray[np.float32]:
        """Return ``[N, K]``.

        Raises:
            ValueError: lists of several lengths.

        """
        return np.asarray(labels, dtype=np.float32)

    def kept_dtype(self) -> str:
        """Float32, as in a batch."""
        return "float32"

    def choices(self, known: Sequence[Any], num_labels: int) -> Sequence[Any]:
        """Return the vectors of no label, of each single label, and of all labels."""
        del known
        return [*(self.made_up(row, num_labels) for row in range(num_labels + 1)), [1.0] * num_labels]

    def made_up(self, row: int, num_labels: int) -> Any:
        """Return no label for the first row, then single labels in turn."""
        return [float(row % (num_labels + 1) == column + 1) for column in range(num_labels)]


def _is_share(part: Any) -> bool:
    return isinstance(part, Real) and 0 <= float(part) <= 1


class BinaryCrossEntropy:
    """See `Loss`: the mean over rows and labels, of a sigmoid for each label."""

    name = "binary cross entropy"

    def __call__(
        self, logits: Tensor, labels: Tensor, *, reduction: Reduction = "mean", label_smoothing: float = 0.0
    ) -> Tensor:
        """Compute the loss of logits and labels ``[B, K]``; ``sum`` adds B * K terms, as the Trainer counts them."""
        import torch  # noqa: PLC0415 - slow to import

        del label_smoothing
        targets = labels.to(logits.dtype)
        each = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        return each.mean(dim=1) if reduction == "none" else each.sum() if reduction == "sum" else each.mean()

    def of_constant(self, labels: NDArray[Any], num_labels: int, label_smoothing: float = 0.0) -> float:
        """Return the mean entropy of the labels in nats."""
        del num_labels, label_smoothing
        shares = np.clip(labels.astype(np.float64).mean(axis=0), 1e-12, 1 - 1e-12)
        return float(-(shares * np.log(shares) + (1 - shares) * np.log(1 - shares)).mean())

    def at_start(self, labels: Tensor, num_labels: int, thresholds: Mapping[str, float]) -> tuple[float, float, str]:
        """Return the range around ln 2.

        With equally large logits, the loss of a label is about half as far above a guess as that of a class.
        """
        del labels, num_labels
        nats = math.log(2)
        low, high = thresholds["below"] * nats, nats + thresholds["above"] / 2
        return low, high, f"{low:.3g} to {high:.3g}: the loss of a guess for each label is ln 2 = {nats:.3g}"


class OutputsOfLabelSets(OutputsAsTheyAre):
    """See `Outputs`: logits ``[N, K]`` and labels ``[N, K]``."""

    def shapes(self, rows: int, num_labels: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of an evaluation."""
        return dict.fromkeys(("logits", "labels"), (rows, num_labels))

    def are_of(self, logits: Any, labels: Any, num_labels: int) -> bool:
        """Accept logits and labels ``[B, K]``, K >= 2, if each label is a number from 0 to 1.

        Return False for fractions that add up to 1 in every row: those are probabilities of classes.
        """
        first = logits[0] if isinstance(logits, (tuple, list)) and logits else logits
        if not hasattr(first, "shape") or not hasattr(labels, "shape") or first.shape != labels.shape:
            return False
        if len(labels.shape) != MATRIX or labels.shape[1] != num_labels or num_labels < _FEWEST:
            return False
        if bool(((labels < 0) | (labels > 1)).any()):
            return False
        whole = bool(((labels == 0) | (labels == 1)).all())
        return whole or bool((abs(labels.sum(-1) - 1) > _ROUNDING).any())

    def judged(self, logits: NDArray[Any], label_ids: NDArray[Any]) -> NDArray[Any]:
        """Return all logits, ``[N, K]``."""
        del label_ids
        return logits.reshape(len(logits), -1)

    def predictions(self, logits: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return 1 where the sigmoid is above one half, ``[N, K]``; `NO_CLASS` where the logit is not finite."""
        if logits.ndim != MATRIX or logits.shape[1] < _FEWEST:
            msg = f"head {HEAD.name!r} takes logits [N, K] for K >= 2 labels, got shape {logits.shape}."
            raise TaskError(msg)
        return np.where(np.isfinite(logits), logits > 0, NO_CLASS).astype(np.int64)

    def raw_predictions(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Return 1 where the logit is positive."""
        return np.asarray(logits > 0).astype(np.int64)

    def scores(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return probabilities ``[N, K]``: the sigmoid, in a form without overflow."""
        return np.asarray((1 + np.tanh(logits / 2)) / 2)


HEAD = Head(
    name="multi-label-classification",
    traits=frozenset({LABEL_SETS, TEXTS}),
    card=CardOfLabelSets(),
    labels=LabelsOfSets(),
    model=TransformersModel(
        auto_class="AutoModelForSequenceClassification",
        words="multi-label classification",
        problem_type="multi_label_classification",
        mistaken_problem_type="single_label_classification",
        one_label="any of {} labels a row",
    ),
    loss=BinaryCrossEntropy(),
    outputs=OutputsOfLabelSets(),
    scoring=ScoringOfLabelSets(),
    serving=Serving(called_with={"top_k": None, "function_to_apply": "sigmoid"}),
)
