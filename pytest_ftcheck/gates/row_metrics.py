"""Metrics of evaluated rows by name, and the identification of a reported metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.heads.own_metrics import own_metric
from pytest_ftcheck.heads.row_metrics import metric_value

if TYPE_CHECKING:
    from pytest_ftcheck.heads.row_metrics import RowMetric
    from pytest_ftcheck.heads.rows import EvaluatedRows

_SAME_VALUE = 1e-3
"""Relative tolerance for equal metrics: evaluation in half precision changes a loss by less."""


def row_metric(name: str, rows: EvaluatedRows) -> RowMetric | None:
    """Return a metric of these rows; None where it cannot be computed from them.

    Args:
        name: a key of `load_metric`, ``loss``, ``expected_calibration_error``, ``brier_score``; F1, precision and
            recall of more than two classes as ``f1:macro``, ``f1:weighted`` or ``f1:micro``; further metrics of a
            head, and metrics of other packages.
        rows: at least one row, with finite numbers.

    Raises:
        TaskError: a metric of another package fails.

    """
    found = rows.head_rules.scoring.row_metric(name, rows)
    other = own_metric(name) if found is None else None
    return found if other is None else other.row_metric(rows)


def resolve_metric(name: str, rows: EvaluatedRows, reported: float | None) -> str | None:
    """Identify the metric of `row_metric` that a reported value belongs to: ``f1`` of five classes may be any average.

    Returns:
        The name for `row_metric` with the closest value, or None if no value is within 0.001 of the reported one:
        then it is a metric of the user, with any key. Without a reported value, the first known name.

    """
    averages = rows.head_rules.scoring.averages.get(name, ())
    metrics = {key: row_metric(key, rows) for key in (name, *averages)}
    known = {key: metric for key, metric in metrics.items() if metric is not None}
    if reported is None or not known:
        return next(iter(known), None)
    values = {key: metric_value(metric) for key, metric in known.items()}
    if np.isnan(reported):
        return next((key for key, value in values.items() if np.isnan(value)), None)
    best = min(values, key=lambda key: abs(values[key] - reported))
    # Written so that NaN is not equal.
    return best if abs(values[best] - reported) <= _SAME_VALUE * max(1.0, abs(reported)) else None
