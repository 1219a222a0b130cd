"""Metrics as functions of rows, so that rows can be resampled thousands of times.

Nearly every metric is a function of the means over rows of a few numbers of each row: F1 is a function of the fractions
of rows that are predicted as positive, that are positive, and that are both. Resampling rows is then one matrix
product, and leaving out one row is one subtraction. A rank correlation has no such form; see `RankMetric`.

A Trainer reports another object: a card's metric is an ``evaluate.Metric`` (`tasks/metric_classes.py`), called once for
an evaluation, with the names and results of the Hub's metrics. `resolve_metric` finds the corresponding function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

NO_SPREAD = 1e-12
"""Variance of standardised values below which they are constant."""
_RANK_JACKKNIFE = 300
"""Maximum number of rows that are left out one by one for a rank correlation: each needs all ranks again."""


class RowMetric(Protocol):
    """A metric of N rows that can be computed again for any multiplicities of the rows."""

    @property
    def rows(self) -> int:
        """N."""

    def over(self, counts: NDArray[np.uint8]) -> Floats:
        """Return the metric with row i repeated ``counts[:, i]`` times: ``[B, N]`` to ``[B]``; NaN where undefined."""

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
    """``[…, F]``: the numbers of rows of every kind; of classes ``[L, P, F]``, of rows with label l and prediction p.

    None if they are not known.
    """

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
    """One column of values, prepared for ranking with any multiplicities of its rows."""

    order: NDArray[np.intp]
    """``[N]``, rows from the lowest value to the highest."""
    starts: NDArray[np.intp]
    """``[G]``, start of each of the G distinct values in that order."""
    groups: NDArray[np.intp]
    """``[N]``, index of each row's distinct value."""

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
        if len(self.starts) < len(self.order):  # without equal rows, this sum is not needed, and would double the time
            sizes = np.add.reduceat(sizes, self.starts, axis=1)
        ranks = sizes.cumsum(axis=1)
        # The last rank is N: the mean rank is (N + 1) / 2, and a midrank is (sizes - 1) / 2 below the highest of its
        # group.
        ranks -= ranks[:, -1:] / 2 + sizes / 2
        return ranks[:, self.groups], np.einsum("bg,bg,bg->b", sizes, ranks, ranks)


@dataclass(frozen=True)
class RankMetric:
    """Spearman's correlation: Pearson's correlation of the midranks, which are computed for every draw of rows."""

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
        return ratio(products.astype(np.float64), np.sqrt(x_squares.astype(np.float64) * y_squares), undefined=np.nan)

    def leave_one_out(self) -> Floats:
        """See `RowMetric.leave_one_out`: at most 300 rows, drawn with a fixed seed."""
        drawn = np.random.default_rng(0).permutation(self.rows)[:_RANK_JACKKNIFE]
        counts = np.ones((len(drawn), self.rows), dtype=np.uint8)
        counts[np.arange(len(drawn)), drawn] = 0
        return np.concatenate([self.over(some) for some in np.array_split(counts, max(len(drawn) // 50, 1))])


def metric_value(metric: RowMetric) -> float:
    """Return the metric of all rows, NaN where it is undefined."""
    return float(metric.over(np.ones((1, metric.rows), dtype=np.uint8))[0])


FROM_0_TO_1 = np.array([[0.0], [1.0]])
"""Kinds of rows of a metric that is the mean of one number from 0 to 1."""


def wrong_and_right(predicted: Floats, labelled: Floats) -> Floats:
    """Return ``[2, N, 3 K]``: each row with nothing right, and with everything right.

    Args:
        predicted: number of predictions of each kind in each row, ``[N, K]``.
        labelled: number of labels of each kind in each row, ``[N, K]``.

    """
    wrong = np.concatenate([np.zeros_like(labelled), predicted, labelled], axis=1)
    return np.stack([wrong, np.concatenate([labelled] * 3, axis=1)])


def only(means: Floats) -> Floats:
    """Return the mean of the one number of each row: ``[..., 1]`` to ``[...]``."""
    return means[..., 0]


def ratio(above: Floats, below: Floats, undefined: float) -> Floats:
    """Divide; return ``undefined`` where the denominator is zero."""
    defined = below > NO_SPREAD
    return np.where(defined, above / np.where(defined, below, 1.0), undefined)
