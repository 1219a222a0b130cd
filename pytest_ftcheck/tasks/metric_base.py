"""Base class of the offline metrics: checked inputs, no folder in the user's cache. The import takes seconds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import datasets
import evaluate
import numpy as np

from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.heads.arrays import to_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

_INPUTS = """
Args:
    predictions: {dtype} [N]: integers, a list, an array or a tensor.
    references: {dtype} [N]: the labels.
"""
_FROM_LOGITS = "For logits, see `predictions_from_logits`."


class OfflineMetric(evaluate.Metric):  # type: ignore[misc] # evaluate carries no types
    """An ``evaluate.Metric`` with checked inputs that keeps its rows in memory and writes nothing."""

    dtype = "int64"
    """Type of predictions and references, as `datasets` names it."""
    array_format: str | None = None
    """``numpy`` if `_compute` gets arrays of this dtype, None if it gets lists, as on the Hub."""

    def _info(self) -> evaluate.MetricInfo:
        value = datasets.Value(self.dtype)
        return evaluate.MetricInfo(
            description=type(self).__doc__ or "",
            citation="",
            inputs_description=_INPUTS.format(dtype=self.dtype),
            features=datasets.Features({"predictions": value, "references": value}),
            format=self.array_format,
        )

    def _build_data_dir(self) -> str:
        """Name the cache folder; create it only for a metric that writes there."""
        if not self.keep_in_memory:
            return str(super()._build_data_dir())
        return os.path.join(self._data_dir_root, self.name, self.config_name)  # noqa: PTH118 - a str, as evaluate has it

    def add(self, *, prediction: Any = None, reference: Any = None, **kwargs: Any) -> None:
        """Add one prediction and its reference; see `add_batch`."""
        # As a batch of one row: evaluate buffers single rows, so that mixing both would change the order.
        self.add_batch(predictions=_one(prediction), references=_one(reference), **kwargs)

    def add_batch(self, *, predictions: Any = None, references: Any = None, **kwargs: Any) -> None:
        """Add a batch of predictions and references, [N] each.

        Raises:
            TaskError: an input is missing, has another shape, or is not numeric; a class id is not an integer.
            ValueError: the numbers of predictions and references differ (from evaluate).

        """
        super().add_batch(
            predictions=_column("predictions", predictions, self.dtype),
            references=_column("references", references, self.dtype),
            **kwargs,
        )

    def compute(self, *, predictions: Any = None, references: Any = None, **kwargs: Any) -> dict[str, Any]:
        """Score the added rows, together with the predictions and references given here.

        Raises:
            TaskError: there are no rows; see also `add_batch`.

        """
        if predictions is not None or references is not None:
            self.add_batch(predictions=predictions, references=references)
        if len(self) == 0:
            msg = (
                f"metric {self.name!r} got no rows. Check whether the evaluation set is empty, or `add_batch` is "
                "never called."
            )
            raise TaskError(msg)
        result: dict[str, Any] = super().compute(**kwargs)
        return result


def _one(value: Any) -> NDArray[Any] | None:
    return None if value is None else to_array(value).reshape(1)


def _column(name: str, values: Any, dtype: str) -> NDArray[Any]:
    """Check one input of a metric and return it as [N] of the metric's dtype."""
    if values is None:
        msg = f"a metric needs predictions and references, got no {name}."
        raise TaskError(msg)
    column = to_array(values)
    if column.ndim != 1:
        msg = f"{name} must be one number a row, shape [N], got shape {column.shape}. {_FROM_LOGITS}"
        raise TaskError(msg)
    if column.dtype.kind not in "biuf":
        msg = f"{name} must be numbers, got {column[0]!r}."
        raise TaskError(msg)
    if dtype == "int64":
        _check_whole(name, column)
    # Numbers beyond float32 become infinite, and the metric NaN.
    with np.errstate(over="ignore"):
        return column.astype(dtype)


def _check_whole(name: str, column: NDArray[Any]) -> None:
    # NaN differs from itself, and is therefore refused, too; infinity needs its own condition.
    wrong = column[(column != np.trunc(column)) | ~np.isfinite(column)]
    if len(wrong):
        msg = f"{name} must be class ids, got {wrong[0]}. {_FROM_LOGITS}"
        raise TaskError(msg)
