"""Decides which metrics have bounds, so that a drop of some points is comparable between them."""

from __future__ import annotations

import numpy as np

from pytest_ftcheck.checks.metrics.known import known_values
from pytest_ftcheck.checks.metrics.rows import SingleLabelRows
from pytest_ftcheck.tasks.metric_names import known_direction


def is_bounded(key: str) -> bool:
    """Return whether a metric of this name lies between -1 and 1, or -100 and 100."""
    labels = np.array([0, 1, 0, 1])
    classes = SingleLabelRows(labels, labels, np.eye(2)[labels], 2, ("0", "1"))
    values = SingleLabelRows(labels.astype(float), labels.astype(float), None, 1, ())
    return bool(known_values(key, classes) or (known_values(key, values) and known_direction(key)))
