"""What a comparison with an accepted run looks at: the metrics of a run, and its rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.gates.row_metrics import row_metric
from pytest_ftcheck.heads.row_metrics import metric_value
from pytest_ftcheck.heads.rows import EvaluatedRows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from pytest_ftcheck.gates.tolerance import SeedStatistics
    from pytest_ftcheck.heads.own_metrics import OwnMetric
    from pytest_ftcheck.runs.run import Run


@dataclass(frozen=True)
class ComparedRun:
    """The data of a run for a comparison, which the baseline also stores for an accepted run."""

    metrics: Mapping[str, float]
    """Metrics that the run reports, and metrics computed from its outputs."""
    rows: EvaluatedRows
    calibrated: Mapping[str, SeedStatistics] = field(default_factory=dict)
    """Statistics over several seeds of its recipe on the same rows, by metric; empty without a calibration."""

    @classmethod
    def of_run(
        cls, run: Run, calibrated: Mapping[str, SeedStatistics] | None = None, *, own: Iterable[OwnMetric] = ()
    ) -> ComparedRun:
        """Make the data of a comparison from a run.

        Args:
            run: run with the outputs of every evaluated row.
            calibrated: see the attribute.
            own: metrics of other packages that a card limits, `TaskCard.own_metrics`; the run need not report them.

        Raises:
            TaskError: the shape of the logits does not fit the head, or a metric of another package fails.
            DataError: the numbers of logits and labels differ.

        """
        rows = EvaluatedRows.of_run(run)
        computed = {}
        if len(rows) and rows.finite:
            metrics = {name: row_metric(name, rows) for name in rows.head_rules.scoring.of_logits}
            computed = {name: metric_value(metric) for name, metric in metrics.items() if metric is not None}
            computed |= {metric.name: metric.value(rows) for metric in own}
        return cls({**computed, **run.metrics}, rows, calibrated or {})


def check_same_rows(before: EvaluatedRows, after: EvaluatedRows) -> None:
    """Refuse to compare predictions for different rows.

    Raises:
        DataError: the numbers of rows differ, there are no rows, or labels differ.

    """
    if len(before) != len(after) or not len(after):
        msg = f"not comparable: the baseline has {len(before)} evaluated rows, the run {len(after)}."
        raise DataError(msg)
    wrong = np.flatnonzero(_differ(before.label_ids, after.label_ids))
    if wrong.size:
        msg = (
            f"not comparable: {wrong.size} of {len(after)} labels differ from the baseline's, first in row {wrong[0]}."
        )
        raise DataError(msg)


def _differ(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.bool_]:
    """Return for each row whether two arrays ``[N, …]`` differ in it, ``[N]``."""
    if first.shape != second.shape:
        return np.ones(len(first), dtype=np.bool_)
    return np.asarray((first != second).reshape(len(first), -1).any(axis=1))
