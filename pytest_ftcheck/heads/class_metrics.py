"""Metrics of classes: fractions of rows, and metrics of probabilities."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.heads.confidence import brier_scores, calibration_gaps, row_losses
from pytest_ftcheck.heads.row_metrics import MeanMetric, only, ratio
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.heads.trivial import DRAWS, ENDS, Trivial

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from pytest_ftcheck.heads.row_metrics import RowMetric

    Floats = NDArray[np.float64]

_RETRIEVAL = ("f1", "precision", "recall")
_CALIBRATION_ERROR = "expected_calibration_error"
_TWO = 2


class ScoringOfClasses:
    """See `Scoring`."""

    default_metric = "accuracy"
    of_logits = (_CALIBRATION_ERROR, "brier_score")
    own_metrics: Mapping[str, Mapping[str, bool]] = MappingProxyType({})
    averages: Mapping[str, tuple[str, ...]] = MappingProxyType(
        {name: tuple(f"{name}:{average}" for average in ("macro", "weighted", "micro")) for name in _RETRIEVAL}
    )

    def row_metric(self, name: str, rows: EvaluatedRows) -> RowMetric | None:
        """Return a metric of classes; F1, precision and recall of more than two have names such as ``f1:macro``."""
        base, _, average = name.partition(":")
        if base in _RETRIEVAL and (average or rows.num_labels == _TWO):
            return _retrieval_metric(base, average, rows)
        if base in {"accuracy", "matthews_correlation"}:
            return _agreement_metric(base, rows)
        if rows.logits is None:
            return None
        if base == _CALIBRATION_ERROR:
            return MeanMetric(calibration_gaps(rows), lambda means: np.abs(means).sum(axis=-1))
        by_name = {"loss": row_losses, "brier_score": brier_scores}
        return MeanMetric(by_name[base](rows)[:, None], only) if base in by_name else None

    def constants(
        self, metric: str, label_ids: NDArray[Any], train_label_ids: NDArray[Any], label_names: Sequence[str]
    ) -> list[tuple[str, EvaluatedRows]]:
        """Return each constant class, of which the most frequent is the majority classifier.

        For a loss or Brier score: the label fractions as the probabilities of every row. None for a calibration
        error: label fractions are always well calibrated, so that no ceiling separates them from a model.
        """
        if metric == _CALIBRATION_ERROR:
            return []
        rows, classes = len(label_ids), len(label_names)
        shares = _shares(train_label_ids, label_names)
        majority = int(shares.argmax())
        if metric in {"loss", "brier_score"}:
            logits = np.tile(np.log(np.maximum(shares, 1 / (len(train_label_ids) + 1))), (rows, 1))
            name = "the fraction of each label as its probability"
            return [(name, EvaluatedRows(label_ids, np.full(rows, majority), logits))]
        # Empty logits carry the number of classes; labels alone may not contain every class.
        empty = np.zeros((rows, classes), dtype=np.float32)
        return [
            (
                f"always {name}" + (", the majority" if label == majority else ""),
                EvaluatedRows(label_ids, np.full(rows, label), empty),
            )
            for label, name in enumerate(label_names)
        ]

    def guesses(
        self, metric: str, label_ids: NDArray[Any], train_label_ids: NDArray[Any], label_names: Sequence[str]
    ) -> list[Trivial]:
        """Score guesses drawn from the label fractions, independent of the row: expected value and noise."""
        if metric in {"loss", *self.of_logits}:
            return []
        classes, shares = len(label_names), _shares(train_label_ids, label_names)
        rows = EvaluatedRows(label_ids, label_ids, np.zeros((len(label_ids), classes), dtype=np.float32))
        found = self.row_metric(metric, rows)
        if not isinstance(found, MeanMetric) or found.kinds is None:
            return []
        labelled = np.bincount(label_ids.astype(np.intp), minlength=classes) / len(label_ids)
        odds = np.outer(labelled, shares).ravel()
        kinds = found.kinds.reshape(classes * classes, -1)
        counts = np.random.default_rng(0).multinomial(len(label_ids), odds / odds.sum(), DRAWS)
        low, high = np.quantile(found.value(counts / len(label_ids) @ kinds), ENDS)
        expected = float(found.value(odds @ kinds))
        return [Trivial("guessing by the fraction of each label", metric, expected, float(low), float(high))]


def _shares(label_ids: NDArray[Any], label_names: Sequence[str]) -> Floats:
    return np.bincount(label_ids.astype(np.intp), minlength=len(label_names)) / len(label_ids)


def _agreement_metric(base: str, rows: EvaluatedRows) -> MeanMetric:
    """Return accuracy, or the correlation of classes of Gorodkin 2004, which is Matthews' for two."""
    if base == "accuracy":
        kinds = np.eye(rows.num_labels)[..., None]
        return MeanMetric((rows.predictions == rows.label_ids).astype(np.float64)[:, None], only, kinds)
    return _class_metric(rows, _matthews)


def _matthews(shares: Floats) -> Floats:
    both, predicted, labelled = shares
    chance = (predicted * labelled).sum(axis=-1)
    spreads = (1 - (predicted**2).sum(axis=-1)) * (1 - (labelled**2).sum(axis=-1))
    return ratio(both.sum(axis=-1) - chance, np.sqrt(np.maximum(spreads, 0)), undefined=0.0)


def _retrieval_metric(base: str, average: str, rows: EvaluatedRows) -> MeanMetric:
    def of_classes(shares: Floats) -> Floats:
        both, predicted, labelled = shares
        below = {"f1": (predicted + labelled) / 2, "precision": predicted, "recall": labelled}[base]
        if average == "micro":
            return ratio(both.sum(axis=-1), below.sum(axis=-1), undefined=0.0)
        scores = ratio(both, below, undefined=0.0)
        if not average:
            return scores[..., 1]
        # As scikit-learn: the mean is over the classes that occur, as a label or as a prediction.
        weights = labelled if average == "weighted" else (predicted + labelled > 0).astype(np.float64)
        return ratio((scores * weights).sum(axis=-1), weights.sum(axis=-1), undefined=0.0)

    return _class_metric(rows, of_classes)


def _class_metric(rows: EvaluatedRows, value: Callable[[Floats], Floats]) -> MeanMetric:
    """Make a metric from the fractions of rows of each class that are right, predicted, and labelled: F = 3 K."""
    classes = rows.num_labels
    ids = np.eye(classes)

    def numbers(labels: NDArray[np.intp], predictions: NDArray[np.intp]) -> Floats:
        labelled, predicted = ids[labels], np.where(predictions[..., None] < 0, 0.0, ids[predictions])
        return np.concatenate([labelled * predicted, predicted, labelled], axis=-1)

    def of_means(means: Floats) -> Floats:
        return value(np.moveaxis(means.reshape(*means.shape[:-1], 3, classes), -2, 0))

    kinds = numbers(*np.mgrid[:classes, :classes])
    features = numbers(rows.label_ids.astype(np.intp), rows.predictions.astype(np.intp))
    return MeanMetric(features, of_means, kinds)
