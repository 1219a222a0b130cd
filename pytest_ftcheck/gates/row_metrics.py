"""Metrics as functions of rows, so that rows can be drawn again thousands of times.

Nearly every metric is a function of the mean over rows of a few numbers of each row: F1 of the shares of rows that
are predicted as positive, that are positive, and that are both. Drawing rows again is then one matrix product, and
leaving out one row is one subtraction. A rank correlation is not of that kind; see `RankMetric`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pytest_ftcheck.gates.confidence import brier_scores, calibration_gaps, row_losses

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pytest_ftcheck.gates.rows import EvaluatedRows

    Floats = NDArray[np.float64]

MODEL_CALIBRATION = ("expected_calibration_error", "brier_score")
"""Metrics that no run reports and that logits of classes give."""
_AVERAGES = ("macro", "weighted", "micro")
_RETRIEVAL = ("f1", "precision", "recall")
_SAME_VALUE = 1e-3
"""A reported value this close is the same metric: evaluation in half precision moves a loss by less."""
_NO_SPREAD = 1e-12
"""Variance of standardised values below which they are constant."""
_RANK_JACKKNIFE = 300
"""Rows that a rank correlation leaves out one by one: each needs all ranks anew."""
_TWO = 2


class RowMetric(Protocol):
    """A metric of N rows that can be had again for any multiplicities of them."""

    @property
    def rows(self) -> int:
        """N."""

    def over(self, counts: NDArray[np.uint8]) -> Floats:
        """Return the metric where row i stands ``counts[:, i]`` times: ``[B, N]`` to ``[B]``; NaN where undefined."""

    def leave_one_out(self) -> Floats:
        """Return the metric without each row, or without each of a random sample of rows: ``[M]``, M <= N."""


@dataclass(frozen=True)
class MeanMetric:
    """A function of the means of F numbers of each row."""

    features: Floats
    """``[N, F]``."""
    value: Callable[[Floats], Floats]
    """Means ``[..., F]`` to the metric ``[...]``."""
    kinds: Floats | None = None
    """``[L, P, F]``: the numbers of a row of label l that is predicted as p, seen or not; None where not classes."""

    @property
    def rows(self) -> int:
        """N."""
        return len(self.features)

    def over(self, counts: NDArray[np.uint8]) -> Floats:
        """See `RowMetric.over`."""
        weights = counts.astype(np.float64)
        return self.value(weights @ self.features / weights.sum(axis=1, keepdims=True))

    def leave_one_out(self) -> Floats:
        """See `RowMetric.leave_one_out`: all N rows."""
        return self.value((self.features.sum(axis=0) - self.features) / (self.rows - 1))


@dataclass(frozen=True)
class Ranking:
    """One column of values, ready to be ranked for any multiplicities of its rows."""

    order: NDArray[np.intp]
    """``[N]``, rows from the lowest value to the highest."""
    starts: NDArray[np.intp]
    """``[G]``, where in that order each of the G distinct values begins."""
    groups: NDArray[np.intp]
    """``[N]``, which of the distinct values a row has."""

    @classmethod
    def of(cls, column: NDArray[np.floating]) -> Ranking:
        """Sort a column ``[N]``."""
        groups = np.unique(column, return_inverse=True)[1]
        order = np.argsort(groups, kind="stable")
        return cls(order, np.flatnonzero(np.diff(groups[order], prepend=-1)), groups)

    def centred(self, counts: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return midranks minus their mean, ``[B, N]``, and their sum of squares over the drawn rows, ``[B]``.

        Ranks are whole or half numbers, exact in float32; their sums lose less than one in a million.
        """
        sizes = counts[:, self.order].astype(np.float32)
        if len(self.starts) < len(self.order):  # where no two rows are equal, adding them up would cost as much again
            sizes = np.add.reduceat(sizes, self.starts, axis=1)
        ranks = sizes.cumsum(axis=1)
        # The last one is N: the mean rank is (N + 1) / 2, and a midrank lies (sizes - 1) / 2 below the highest.
        ranks -= ranks[:, -1:] / 2 + sizes / 2
        return ranks[:, self.groups], np.einsum("bg,bg,bg->b", sizes, ranks, ranks)


@dataclass(frozen=True)
class RankMetric:
    """Spearman's correlation: Pearson's of the midranks, which every draw of rows has anew."""

    predictions: Ranking
    labels: Ranking

    @property
    def rows(self) -> int:
        """N."""
        return len(self.labels.order)

    def over(self, counts: NDArray[np.uint8]) -> Floats:
        """See `RowMetric.over`."""
        x, x_squares = self.predictions.centred(counts)
        y, y_squares = self.labels.centred(counts)
        products = np.einsum("bn,bn,bn->b", counts.astype(np.float32), x, y)
        return _ratio(products.astype(np.float64), np.sqrt(x_squares.astype(np.float64) * y_squares), undefined=np.nan)

    def leave_one_out(self) -> Floats:
        """See `RowMetric.leave_one_out`: at most 300 rows, drawn with a fixed seed."""
        drawn = np.random.default_rng(0).permutation(self.rows)[:_RANK_JACKKNIFE]
        counts = np.ones((len(drawn), self.rows), dtype=np.uint8)
        counts[np.arange(len(drawn)), drawn] = 0
        return np.concatenate([self.over(some) for some in np.array_split(counts, max(len(drawn) // 50, 1))])


def row_metric(name: str, rows: EvaluatedRows) -> RowMetric | None:
    """Return a metric of these rows; None where it cannot be computed from them.

    Args:
        name: a key of `load_metric`, ``loss``, ``expected_calibration_error``, ``brier_score``; F1, precision and
            recall of more than two classes as ``f1:macro``, ``f1:weighted`` or ``f1:micro``.
        rows: at least one, of finite numbers.

    """
    base, _, average = name.partition(":")
    if rows.regression:
        return _regression_metric(base, rows)
    if base in _RETRIEVAL and (average or rows.num_labels == _TWO):
        return _retrieval_metric(base, average, rows)
    if base in {"accuracy", "matthews_correlation"}:
        return _agreement_metric(base, rows)
    if rows.logits is None:
        return None
    if base == "expected_calibration_error":
        return MeanMetric(calibration_gaps(rows), lambda means: np.abs(means).sum(axis=-1))
    by_name = {"loss": row_losses, "brier_score": brier_scores}
    return MeanMetric(by_name[base](rows)[:, None], _only) if base in by_name else None


def metric_value(metric: RowMetric) -> float:
    """Return the metric of all rows, NaN where it is undefined."""
    return float(metric.over(np.ones((1, metric.rows), dtype=np.uint8))[0])


def resolve_metric(name: str, rows: EvaluatedRows, reported: float | None) -> str | None:
    """Find which metric of `row_metric` a reported value is: a key ``f1`` of five classes may be any average.

    Returns:
        The name for `row_metric` whose value comes closest, or None where none comes within 0.001 of the reported
        one: a metric of the user's own, whatever its key. Without a reported value, the first that is known.

    """
    averages = [f"{name}:{average}" for average in _AVERAGES] if name in _RETRIEVAL and not rows.regression else []
    metrics = {key: row_metric(key, rows) for key in (name, *averages)}
    known = {key: metric for key, metric in metrics.items() if metric is not None}
    if reported is None or not known:
        return next(iter(known), None)
    values = {key: metric_value(metric) for key, metric in known.items()}
    if np.isnan(reported):
        return next((key for key, value in values.items() if np.isnan(value)), None)
    best = min(values, key=lambda key: abs(values[key] - reported))
    # Written so that a NaN is not the same.
    return best if abs(values[best] - reported) <= _SAME_VALUE * max(1.0, abs(reported)) else None


def _only(means: Floats) -> Floats:
    return means[..., 0]


def _ratio(above: Floats, below: Floats, undefined: float) -> Floats:
    """Divide; another value where there is nothing to divide by."""
    defined = below > _NO_SPREAD
    return np.where(defined, above / np.where(defined, below, 1.0), undefined)


def _regression_metric(base: str, rows: EvaluatedRows) -> RowMetric | None:
    if base in {"mse", "loss"}:
        return MeanMetric(row_losses(rows)[:, None], _only)
    if base == "spearmanr":
        return RankMetric(Ranking.of(rows.predictions), Ranking.of(rows.label_ids))
    if base in {"pearson", "pearsonr"}:
        x, y = _standardised(rows.predictions), _standardised(rows.label_ids)
        return MeanMetric(np.stack([x, y, x * x, y * y, x * y], axis=1), _pearson)
    return None


def _standardised(values: NDArray[np.floating]) -> Floats:
    """Shift and scale, so that sums of squares lose no digits; constants become zeros."""
    column = values.astype(np.float64)
    centred = column - column.mean()
    constant = column.max() == column.min()
    return np.zeros_like(centred) if constant else centred / np.sqrt((centred**2).mean())


def _pearson(means: Floats) -> Floats:
    x, y, xx, yy, xy = np.moveaxis(means, -1, 0)
    spreads = [np.maximum(squares - mean**2, 0) for squares, mean in ((xx, x), (yy, y))]
    defined = (spreads[0] > _NO_SPREAD) & (spreads[1] > _NO_SPREAD)
    return _ratio(xy - x * y, np.where(defined, np.sqrt(spreads[0] * spreads[1]), 0.0), undefined=np.nan)


def _agreement_metric(base: str, rows: EvaluatedRows) -> MeanMetric:
    """Return accuracy, or the correlation of classes of Gorodkin 2004, which is Matthews' for two."""
    if base == "accuracy":
        kinds = np.eye(rows.num_labels)[..., None]
        return MeanMetric((rows.predictions == rows.label_ids).astype(np.float64)[:, None], _only, kinds)
    return _class_metric(rows, _matthews)


def _matthews(shares: Floats) -> Floats:
    both, predicted, labelled = shares
    chance = (predicted * labelled).sum(axis=-1)
    spreads = (1 - (predicted**2).sum(axis=-1)) * (1 - (labelled**2).sum(axis=-1))
    return _ratio(both.sum(axis=-1) - chance, np.sqrt(np.maximum(spreads, 0)), undefined=0.0)


def _retrieval_metric(base: str, average: str, rows: EvaluatedRows) -> MeanMetric:
    def of_classes(shares: Floats) -> Floats:
        both, predicted, labelled = shares
        below = {"f1": (predicted + labelled) / 2, "precision": predicted, "recall": labelled}[base]
        if average == "micro":
            return _ratio(both.sum(axis=-1), below.sum(axis=-1), undefined=0.0)
        scores = _ratio(both, below, undefined=0.0)
        if not average:
            return scores[..., 1]
        # As scikit-learn: the mean is over the classes that occur, as a label or as a prediction.
        weights = labelled if average == "weighted" else (predicted + labelled > 0).astype(np.float64)
        return _ratio((scores * weights).sum(axis=-1), weights.sum(axis=-1), undefined=0.0)

    return _class_metric(rows, of_classes)


def _class_metric(rows: EvaluatedRows, value: Callable[[Floats], Floats]) -> MeanMetric:
    """Make a metric of the share of rows of each class that is right, predicted, and labelled: F = 3 K."""
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
