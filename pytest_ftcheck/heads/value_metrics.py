"""Metrics of values: correlations and squared errors."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.heads.confidence import row_losses
from pytest_ftcheck.heads.row_metrics import NO_SPREAD, MeanMetric, Ranking, RankMetric, only, ratio
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.heads.trivial import ENDS, Trivial

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from pytest_ftcheck.heads.row_metrics import RowMetric

    Floats = NDArray[np.float64]

_CORRELATIONS = ("pearson", "pearsonr", "spearmanr")


class ScoringOfValues:
    """See `Scoring`."""

    default_metric = "pearsonr"
    of_logits: tuple[str, ...] = ()
    own_metrics: Mapping[str, Mapping[str, bool]] = MappingProxyType({})
    averages: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def row_metric(self, name: str, rows: EvaluatedRows) -> RowMetric | None:
        """Return ``mse``, ``loss`` or a correlation."""
        base = name.partition(":")[0]
        if base in {"mse", "loss"}:
            return MeanMetric(row_losses(rows)[:, None], only)
        if base == "spearmanr":
            return RankMetric(Ranking.of(rows.predictions), Ranking.of(rows.label_ids))
        if base in _CORRELATIONS:
            x, y = _standardised(rows.predictions), _standardised(rows.label_ids)
            return MeanMetric(np.stack([x, y, x * x, y * y, x * y], axis=1), _pearson)
        return None

    def constants(
        self, metric: str, label_ids: NDArray[Any], train_label_ids: NDArray[Any], label_names: Sequence[str]
    ) -> list[tuple[str, EvaluatedRows]]:
        """Return the mean label of training; no correlation is defined for it."""
        del label_names
        if metric in _CORRELATIONS:
            return []
        mean = float(np.mean(train_label_ids))
        return [("always the mean label", EvaluatedRows(label_ids, np.full(len(label_ids), mean)))]

    def guesses(
        self, metric: str, label_ids: NDArray[Any], train_label_ids: NDArray[Any], label_names: Sequence[str]
    ) -> list[Trivial]:
        """Return, for a correlation, random values that are independent of the labels."""
        del train_label_ids, label_names
        if metric not in _CORRELATIONS:
            return []
        from scipy import stats  # noqa: PLC0415 - slow to import

        # The correlation of unrelated columns has standard error 1 / sqrt(N - 1) (Student 1908).
        half = float(stats.norm.ppf(ENDS[1])) / math.sqrt(max(len(label_ids) - 1, 1))
        return [Trivial("guessing", metric, 0.0, -half, min(half, 1.0))]


def _standardised(values: NDArray[np.floating]) -> Floats:
    """Shift and scale, so that sums of squares lose no digits; constants become zeros."""
    column = values.astype(np.float64)
    centred = column - column.mean()
    constant = column.max() == column.min()
    return np.zeros_like(centred) if constant else centred / np.sqrt((centred**2).mean())


def _pearson(means: Floats) -> Floats:
    x, y, xx, yy, xy = np.moveaxis(means, -1, 0)
    spreads = [np.maximum(squares - mean**2, 0) for squares, mean in ((xx, x), (yy, y))]
    defined = (spreads[0] > NO_SPREAD) & (spreads[1] > NO_SPREAD)
    return ratio(xy - x * y, np.where(defined, np.sqrt(spreads[0] * spreads[1]), 0.0), undefined=np.nan)
