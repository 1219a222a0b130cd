"""The metrics themselves, as subclasses of ``evaluate.Metric`` that need no network. Importing takes seconds.

Names, compute arguments and results are those of the Hub's scripts (github.com/huggingface/evaluate,
``metrics/<name>/<name>.py``), computed by the same scikit-learn and SciPy functions. There are four differences:

- no rows, or fewer than two for a correlation, is a `TaskError`;
- a class id that is not an integer is a `TaskError` (the Hub's metrics round 0.9 down to class 0);
- with NaN or infinity, a regression metric is NaN (the Hub's ``spearmanr`` ranks infinity, its ``mse`` raises);
- no file is created in the cache folder.

If scikit-learn returns 0.0 because there are no positives (``f1``, ``precision``, ``recall``), it warns, as on the Hub.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats
from sklearn import metrics as sk

from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.tasks.metric_base import OfflineMetric
from pytest_ftcheck.tasks.metric_names import metric_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import evaluate
    from numpy.typing import ArrayLike, NDArray


class Accuracy(OfflineMetric):
    """The fraction of rows whose predicted class is the label; their number with ``normalize=False``."""

    def _compute(
        self,
        predictions: list[int],
        references: list[int],
        *,
        normalize: bool = True,
        sample_weight: ArrayLike | None = None,
    ) -> dict[str, float]:
        score = sk.accuracy_score(references, predictions, normalize=normalize, sample_weight=sample_weight)
        return {"accuracy": float(score)}


class F1(OfflineMetric):
    """The harmonic mean of precision and recall."""

    def _compute(
        self,
        predictions: list[int],
        references: list[int],
        *,
        labels: Sequence[int] | None = None,
        pos_label: int = 1,
        average: str | None = "binary",
        sample_weight: ArrayLike | None = None,
    ) -> dict[str, float | NDArray[np.float64]]:
        score = sk.f1_score(
            references,
            predictions,
            labels=labels,
            pos_label=pos_label,
            average=average,
            sample_weight=sample_weight,
        )
        return {"f1": _float_or_array(score)}


class Precision(OfflineMetric):
    """The fraction of rows predicted as positive that are positive."""

    def _compute(self, predictions: list[int], references: list[int], **options: Any) -> dict[str, Any]:
        return {"precision": _retrieval(sk.precision_score, predictions, references, **options)}


class Recall(OfflineMetric):
    """The fraction of positive rows that are predicted as positive."""

    def _compute(self, predictions: list[int], references: list[int], **options: Any) -> dict[str, Any]:
        return {"recall": _retrieval(sk.recall_score, predictions, references, **options)}


class MatthewsCorrelation(OfflineMetric):
    """The correlation of predicted and true classes, from -1 to 1; 0.0 where either is constant."""

    def _compute(
        self, predictions: list[int], references: list[int], *, sample_weight: ArrayLike | None = None
    ) -> dict[str, float]:
        return {"matthews_correlation": _matthews(predictions, references, sample_weight)}


class Pearsonr(OfflineMetric):
    """The linear correlation of predictions and references, from -1 to 1; NaN where either is constant."""

    dtype = "float32"

    def _compute(
        self, predictions: list[float], references: list[float], *, return_pvalue: bool = False
    ) -> dict[str, float]:
        value, pvalue = _correlation(stats.pearsonr, references, predictions)
        return {"pearsonr": value} | ({"p-value": pvalue} if return_pvalue else {})


class Spearmanr(OfflineMetric):
    """The correlation of the ranks of predictions and references, from -1 to 1; NaN where either is constant."""

    dtype = "float32"

    def _compute(
        self, predictions: list[float], references: list[float], *, return_pvalue: bool = False
    ) -> dict[str, float]:
        value, pvalue = _correlation(stats.spearmanr, references, predictions)
        return {"spearmanr": value} | ({"spearmanr_pvalue": pvalue} if return_pvalue else {})


class Mse(OfflineMetric):
    """The mean squared error; its root with ``squared=False``."""

    dtype = "float32"

    def _compute(
        self,
        predictions: list[float],
        references: list[float],
        *,
        sample_weight: ArrayLike | None = None,
        squared: bool = True,
    ) -> dict[str, float]:
        if not np.isfinite([predictions, references]).all():
            return {"mse": float("nan")}
        error = sk.mean_squared_error if squared else sk.root_mean_squared_error
        return {"mse": float(error(references, predictions, sample_weight=sample_weight))}


class Glue(OfflineMetric):
    """The metrics of the GLUE benchmark (gluebenchmark.com): ``config_name`` is the task."""

    array_format = "numpy"

    def _info(self) -> evaluate.MetricInfo:
        self.dtype = "float32" if self.config_name == "stsb" else "int64"
        return super()._info()

    def _compute(self, predictions: NDArray[Any], references: NDArray[Any]) -> dict[str, float]:
        return {key: _GLUE_SCORES[key](predictions, references) for key in metric_names("glue", self.config_name)}


_GLUE_SCORES: dict[str, Callable[[Any, Any], float]] = {
    "accuracy": lambda predictions, references: float((predictions == references).mean()),
    "f1": lambda predictions, references: float(sk.f1_score(references, predictions)),
    "matthews_correlation": lambda predictions, references: _matthews(predictions, references, None),
    "pearson": lambda predictions, references: _correlation(stats.pearsonr, predictions, references)[0],
    "spearmanr": lambda predictions, references: _correlation(stats.spearmanr, predictions, references)[0],
}

CLASSES: dict[str, type[OfflineMetric]] = {
    "accuracy": Accuracy,
    "f1": F1,
    "glue": Glue,
    "matthews_correlation": MatthewsCorrelation,
    "mse": Mse,
    "pearsonr": Pearsonr,
    "precision": Precision,
    "recall": Recall,
    "spearmanr": Spearmanr,
}
"""The first argument of `evaluate.load`, and what it loads."""


def _float_or_array(score: Any) -> float | NDArray[np.float64]:
    """Return one score as a float, those of several classes (``average=None``) as an array, as the Hub's do."""
    return float(np.asarray(score).item()) if np.size(score) == 1 else np.asarray(score)


def _retrieval(
    score: Callable[..., Any],
    predictions: list[int],
    references: list[int],
    *,
    labels: Sequence[int] | None = None,
    pos_label: int = 1,
    average: str | None = "binary",
    sample_weight: ArrayLike | None = None,
    zero_division: str | float = "warn",
) -> float | NDArray[np.float64]:
    value = score(
        references,
        predictions,
        labels=labels,
        pos_label=pos_label,
        average=average,
        sample_weight=sample_weight,
        zero_division=zero_division,
    )
    return _float_or_array(value)


def _matthews(predictions: ArrayLike, references: ArrayLike, sample_weight: ArrayLike | None) -> float:
    # scikit-learn also returns 0.0 here, after a warning about the shape of an internal matrix.
    if np.unique([predictions, references]).size == 1:
        return 0.0
    return float(sk.matthews_corrcoef(references, predictions, sample_weight=sample_weight))


def _correlation(function: Callable[..., Any], first: ArrayLike, second: ArrayLike) -> tuple[float, float]:
    """Return a correlation and its p-value, both NaN where it is not defined: a constant input, NaN, infinity.

    Raises:
        TaskError: fewer than two rows.

    """
    x, y = np.asarray(first), np.asarray(second)
    if len(x) < 2:  # a correlation needs two points
        msg = f"a correlation needs at least 2 rows, got {len(x)}."
        raise TaskError(msg)
    # For a constant, SciPy would return NaN and warn; for infinity, NaN (Pearson) or a rank (Spearman).
    if not np.isfinite([x, y]).all() or (x == x[0]).all() or (y == y[0]).all():
        return float("nan"), float("nan")
    value, pvalue = function(x, y)
    return float(value), float(pvalue)
