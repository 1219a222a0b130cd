"""The metrics of evaluated rows by name, and which of them a reported value is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.heads.own_metrics import own_metric
from pytest_ftcheck.heads.row_metrics import metric_value

if TYPE_CHECKING:
    from pytest_ftcheck.heads.row_metrics import RowMetric
    from pytest_ftcheck.heads.rows import EvaluatedRows

_SAME_VALUE = 1e-3
"""A reported value this close is the same metric: evaluation in half precision moves a loss by less."""


def row_metric(name: str, rows: EvaluatedRows) -> RowMetric | None:
    """Return a metric of these rows; None where it cannot be computed from them.

    Args:
        name: a key of `load_metric`, ``loss``, ``expected_calibration_error``, ``brier_score``; F1, precision and
            recall of more than two classes as ``f1:macro``, ``f1:weighted`` or ``f1:micro``; what else a head has, and
            the metrics of other packages.
        rows: at least one, of finite numbers.

    Raises:
        TaskError: a metric of another package fails.

    """
    found = rows.head_rules.scoring.row_metric(name, rows)
    other = own_metric(name) if found is None else None
    return found if other is None else other.row_metric(rows)


def resolve_metric(name: str, rows: EvaluatedRows, reported: float | None) -> str | None:
    """Find which metric of `row_metric` a reported value is: a key ``f1`` of five classes may be any average.

    Returns:
        The name for `row_metric` whose value comes closest, or None where none comes within 0.001 of the reported
        one: a metric of the user's own, whatever its key. Without a reported value, the first that is known.

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
    # Written so that a NaN is not the same.
    return best if abs(values[best] - reported) <= _SAME_VALUE * max(1.0, abs(reported)) else None
