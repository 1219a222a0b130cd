"""A head of another package: several labels a row, a 0 or 1 for each of K names. Tests install it as a user would."""

from typing import Any

import numpy as np
import pyarrow as pa
import torch

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.heads.classes import CardOfClasses
from pytest_ftcheck.heads.head import Head
from pytest_ftcheck.heads.model import TransformersModel
from pytest_ftcheck.heads.outputs import OutputsPerLabel
from pytest_ftcheck.heads.row_metrics import MeanMetric, ratio
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.heads.value_metrics import ScoringOfValues
from pytest_ftcheck.heads.values import LabelsOfValues


class Labels(LabelsOfValues):  # the dtype is theirs: float32
    def arrow_type(self) -> pa.DataType:
        return pa.list_(pa.float32())

    def encode(self, value: Any, label_names: Any, where: str) -> Any:
        if isinstance(value, list) and self.fits(value, len(label_names)):
            return value
        msg = f"{where}: label {value!r} is not {self.expected(len(label_names))}. Correct the row."
        raise DataError(msg)

    def expected(self, num_labels: int) -> str:
        return f"a list of {num_labels} numbers, 0 or 1"

    def fits(self, label: Any, num_labels: int) -> bool:
        return len(label) == num_labels and set(label) <= {0, 1}

    def choices(self, known: Any, num_labels: int) -> list[Any]:
        return [self.made_up(row, num_labels) for row in range(num_labels + 1)]

    def made_up(self, row: int, num_labels: int) -> Any:
        return [float(row % (num_labels + 1) == column) for column in range(num_labels)]


class Loss:
    name = "binary cross entropy"

    def __call__(self, logits: Any, labels: Any, *, reduction: str = "mean", label_smoothing: float = 0.0) -> Any:
        each = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), reduction="none")
        return each.mean(dim=1) if reduction == "none" else getattr(each, reduction)()

    def of_constant(self, labels: Any, num_labels: int, label_smoothing: float = 0.0) -> float:
        shares = np.clip(labels.mean(axis=0), 1e-9, 1 - 1e-9)
        return -float((shares * np.log(shares) + (1 - shares) * np.log(1 - shares)).mean())

    def at_start(self, labels: Any, num_labels: int, thresholds: Any) -> tuple[float, float, str]:
        return thresholds["below"] * np.log(2), np.log(2) + thresholds["above"], "around ln 2, a guess of each label"


class Outputs(OutputsPerLabel):
    def predictions(self, logits: Any) -> Any:
        return (logits > 0).astype(np.int64)

    def scores(self, logits: Any) -> Any:
        return 1 / (1 + np.exp(-logits))


class Scoring(ScoringOfValues):
    default_metric, own_metrics = "micro_f1", {"micro_f1": {"micro_f1": True}}

    def row_metric(self, name: str, rows: EvaluatedRows) -> MeanMetric | None:
        both = np.stack([2.0 * rows.predictions * rows.label_ids, rows.predictions + rows.label_ids]).sum(axis=2).T
        return MeanMetric(both, lambda m: ratio(m[..., 0], m[..., 1], undefined=0.0)) if name == "micro_f1" else None

    def constants(self, metric: str, label_ids: Any, *others: Any) -> list[tuple[str, EvaluatedRows]]:
        return [("every label", EvaluatedRows(label_ids, np.ones(label_ids.shape, np.int64), None, HEAD))]


MODEL = TransformersModel(
    "AutoModelForSequenceClassification", "tags", "multi_label_classification", "regression", "any of {} labels a row"
)
HEAD = Head("tags", frozenset({"tag_sets", "texts"}), CardOfClasses(), Labels(), MODEL, Loss(), Outputs(), Scoring())
