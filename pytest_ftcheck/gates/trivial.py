"""What a model reaches that has learned nothing: a floor must stand above it.

On MRPC, "always equivalent" scores accuracy 0.684 and F1 0.812: a floor below that gates nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from pytest_ftcheck.gates.intervals import CONFIDENCE, row_interval
from pytest_ftcheck.gates.row_metrics import MeanMetric, metric_value, row_metric
from pytest_ftcheck.gates.rows import EvaluatedRows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from pytest_ftcheck.gates.intervals import Interval

_DRAWS = 1999
_ENDS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
_CORRELATIONS = ("pearson", "pearsonr", "spearmanr")
_TWO = 2


@dataclass(frozen=True)
class Trivial:
    """A classifier that looks at no text, and what it scores."""

    name: str
    """As a message names it: ``always equivalent``, ``guessing by the share of each label``."""
    metric: str
    value: float
    low: float
    """Ends of the 95% interval: over rows, and over its guesses where it guesses."""
    high: float


def trivial_classifiers(
    metric: str, label_ids: NDArray[Any], *, label_names: Sequence[str], train_label_ids: NDArray[Any] | None = None
) -> list[Trivial]:
    """Score every trivial classifier on labels.

    For classes: each constant one, of which the most frequent is the majority classifier; guessing by the share of
    each label in training; and for a loss or Brier score those shares as probabilities in every row. For
    regression: the mean label of training, and for a correlation a guess that knows nothing.

    Args:
        metric: as `row_metric` takes it.
        label_ids: ``[N]``, of the evaluation rows.
        label_names: of the classes in the order of their ids; empty for regression.
        train_label_ids: ``[M]``; without them the evaluation labels stand in, which only flatters the classifiers.

    Returns:
        Those for which the metric is defined: none for a calibration error, as the shares of the labels are always
        well calibrated and no ceiling can tell them apart from a model.

    """
    train = label_ids if train_label_ids is None else train_label_ids
    if not len(label_ids) or not len(train) or metric == "expected_calibration_error":
        return []
    if not label_names:
        return _of_regression(metric, label_ids, float(np.mean(train)))
    shares = np.bincount(train.astype(np.intp), minlength=len(label_names)) / len(train)
    if metric in {"loss", "brier_score"}:
        logits = np.tile(np.log(np.maximum(shares, 1 / (len(train) + 1))), (len(label_ids), 1))
        rows = EvaluatedRows(label_ids, np.full(len(label_ids), shares.argmax()), logits)
        return _scored("the share of each label as its probability", metric, rows)
    majority = int(shares.argmax())
    found = []
    for label, name in enumerate(label_names):
        # Empty logits hand down the number of classes, which labels alone may not show.
        rows = EvaluatedRows(
            label_ids, np.full(len(label_ids), label), np.zeros((len(label_ids), len(label_names)), dtype=np.float32)
        )
        found += _scored(f"always {name}" + (", the majority" if label == majority else ""), metric, rows)
    return [*found, *_guessing(metric, label_ids, shares)]


def best_trivial(classifiers: Sequence[Trivial], *, greater_is_better: bool = True) -> Trivial | None:
    """Return the one that is hardest to beat, noise included; None where there is none."""
    if greater_is_better:
        return max(classifiers, key=lambda trivial: trivial.high, default=None)
    return min(classifiers, key=lambda trivial: trivial.low, default=None)


def reached_by_trivial(limit: float, trivial: Trivial | None, *, greater_is_better: bool = True) -> str:
    """Word that a floor (or ceiling) is no better than the best trivial classifier and its noise; else nothing.

    Args:
        limit: floor, or ceiling where smaller is better.
        trivial: of `best_trivial`.
        greater_is_better: direction of the metric.

    """
    if trivial is None:
        return ""
    kind, side, edge = ("floor", "above", trivial.high) if greater_is_better else ("ceiling", "below", trivial.low)
    if limit > edge if greater_is_better else limit < edge:  # a NaN limit is no better than anything
        return ""
    return (
        f"the {kind} {limit:.4f} for {trivial.metric} gates nothing: {trivial.name!r} scores {trivial.value:.4f} on "
        f"these rows, and with its noise {edge:.4f}. A {kind} must stand {side} {edge:.4f}; a model that comes no "
        "further has learned nothing that the labels alone do not say."
    )


def _of_regression(metric: str, label_ids: NDArray[Any], mean: float) -> list[Trivial]:
    if metric in _CORRELATIONS:
        # The correlation of unrelated columns has standard error 1 / sqrt(N - 1) (Student 1908).
        half = float(stats.norm.ppf(_ENDS[1])) / math.sqrt(max(len(label_ids) - 1, 1))
        return [Trivial("guessing", metric, 0.0, -half, min(half, 1.0))]
    rows = EvaluatedRows(label_ids, np.full(len(label_ids), mean))
    return _scored("always the mean label", metric, rows)


def _scored(name: str, metric: str, rows: EvaluatedRows) -> list[Trivial]:
    found, interval = row_metric(metric, rows), row_interval(metric, rows)
    if found is None or interval is None:
        return []
    value = metric_value(found)
    return [Trivial(name, metric, value, *_ends(interval, value))]


def _ends(interval: Interval, value: float) -> tuple[float, float]:
    """Without spread over rows, as F1 of a class that is never predicted, the value stands for both ends."""
    return (interval.low, interval.high) if interval.known and interval.method != "unseen" else (value, value)


def _guessing(metric: str, label_ids: NDArray[Any], shares: NDArray[np.float64]) -> list[Trivial]:
    """Score guesses that are drawn from the shares of the labels, whatever the row is: expected value and noise."""
    classes = len(shares)
    rows = EvaluatedRows(label_ids, label_ids, np.zeros((len(label_ids), classes), dtype=np.float32))
    found = row_metric(metric, rows)
    if not isinstance(found, MeanMetric) or found.kinds is None:
        return []
    labelled = np.bincount(label_ids.astype(np.intp), minlength=classes) / len(label_ids)
    odds = np.outer(labelled, shares).ravel()
    kinds = found.kinds.reshape(classes * classes, -1)
    counts = np.random.default_rng(0).multinomial(len(label_ids), odds / odds.sum(), _DRAWS)
    low, high = np.quantile(found.value(counts / len(label_ids) @ kinds), _ENDS)
    expected = float(found.value(odds @ kinds))
    return [Trivial("guessing by the share of each label", metric, expected, float(low), float(high))]
