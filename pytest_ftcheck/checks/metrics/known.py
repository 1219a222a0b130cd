"""Computes metrics of well-known names with scikit-learn and SciPy from labels and predictions.

It is an independent implementation on purpose: reported metrics are compared with it, so that it shares no code with
the metrics of cards (`tasks/metric_classes.py`) nor with those of rows that gates draw again (`heads/*_metrics.py`).
"""

from __future__ import annotations

import re
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special, stats
from sklearn import metrics as sk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from pytest_ftcheck.checks.metrics.rows import SingleLabelRows

_BINARY = 2
_AVERAGES = ("macro", "micro", "weighted")
_RETRIEVAL = {"f1": sk.f1_score, "precision": sk.precision_score, "recall": sk.recall_score}
_ROUNDED = 0.005
"""Half a unit of the second decimal: metrics are not rounded to fewer decimals."""

_SYNONYMS = {
    "acc": "accuracy",
    "exact_match": "accuracy",
    "f1_score": "f1",
    "precision_score": "precision",
    "recall_score": "recall",
    "matthews_correlation": "mcc",
    "matthews_corrcoef": "mcc",
    "matthews": "mcc",
    "balanced_acc": "balanced_accuracy",
    "auc": "roc_auc",
    "auroc": "roc_auc",
    "rocauc": "roc_auc",
    "roc_auc_score": "roc_auc",
    "pearsonr": "pearson",
    "pearson_correlation": "pearson",
    "spearmanr": "spearman",
    "spearman_correlation": "spearman",
    "mean_squared_error": "mse",
    "root_mean_squared_error": "rmse",
    "mean_absolute_error": "mae",
    "r2_score": "r2",
    "r_squared": "r2",
}


def known_values(key: str, rows: SingleLabelRows) -> dict[str, float]:
    """Return all correct values of a metric of this name, by definition.

    Args:
        key: name in ``compute_metrics``, such as ``f1`` or ``macro_f1``.
        rows: labels and predictions.

    Returns:
        For ``f1``: binary of either class, macro, micro and weighted. Empty if the name is not known, or the metric is
        not defined for the rows.

    """
    bare, *averages = known_names(key)
    table = _REGRESSION if rows.regression else _CLASSIFICATION
    if bare not in table and (named := named_class(key, rows)):
        name, index = named
        ways = {f"of class {rows.names[index]}": 0.0, f"of class {rows.names[index]}, zero_division=1": 1.0}
        return {way: of_classes(name, rows, undefined)[index] for way, undefined in ways.items()}
    if bare not in table or len(averages) > 1 or (averages and bare not in (*_RETRIEVAL, "roc_auc")):
        return {}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # scikit-learn warns about classes without predictions, SciPy about constant values.
        warnings.simplefilter("ignore")
        values = table[bare](rows)
    return {
        variant: value
        for variant, value in values.items()
        if np.isfinite(value) and (not averages or variant.endswith(averages[0]))
    }


def named_class(key: str, rows: SingleLabelRows) -> tuple[str, int] | None:
    """Return the metric and the class of a key such as ``f1_banking`` or ``Banking/recall``; None for any other key."""
    plain = _plain(key.removeprefix("eval_"))
    names = [_plain(name) for name in rows.names]
    for name in (*_RETRIEVAL, *(other for other, usual in _SYNONYMS.items() if usual in _RETRIEVAL)):
        found = [index for index, label in enumerate(names) if plain in (f"{name}_{label}", f"{label}_{name}")]
        if len(found) == 1:
            return _SYNONYMS.get(name, name), found[0]
    return None


def of_classes(name: str, rows: SingleLabelRows, undefined: float = 0.0) -> list[float]:
    """Return F1, precision or recall of each class, ``[K]``; ``undefined`` where it is not defined."""
    score, classes = _RETRIEVAL[name], list(range(rows.num_labels))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = score(rows.labels, rows.predictions, labels=classes, average=None, zero_division=undefined)
    return [float(value) for value in values]


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "_", text.casefold()).strip("_")


def known_names(key: str) -> tuple[str, ...]:
    """Return the usual name of a metric, such as ``f1``, and the averages that its key names."""
    name = _plain(key.removeprefix("eval_"))
    averages = [word for word in _AVERAGES if word in name.split("_")]
    bare = "_".join(word for word in name.split("_") if word not in averages)
    return (_SYNONYMS.get(bare, bare), *averages)


def agrees(reported: float, value: float, tolerance: float) -> bool:
    """Return whether a reported metric is this value, also in percent, rounded to at least two decimals."""
    for scale in (1.0, 100.0):
        decimals = len(repr(float(reported)).partition(".")[2]) if "e" not in repr(float(reported)) else 16
        unit = scale * max(1.0, abs(value))
        rounding = min(_ROUNDED * unit, 0.5 * 10.0**-decimals) * (1 + 1e-6)
        if abs(reported - scale * value) <= max(tolerance * unit, rounding):
            return True
    return False


def _accuracy(rows: SingleLabelRows) -> dict[str, float]:
    return {"": float(np.mean(rows.labels == rows.predictions))}


def _retrieval(score: Callable[..., Any], rows: SingleLabelRows) -> dict[str, float]:
    values = {}
    scored = partial(score, rows.labels, rows.predictions, zero_division=0)
    if rows.num_labels == _BINARY and (rows.predictions >= 0).all():
        values = {f"of class {name}": float(scored(pos_label=index)) for index, name in enumerate(rows.names)}
    # scikit-learn averages over the classes that occur; some projects average over all classes of the head.
    for average in _AVERAGES:
        values[average] = float(scored(average=average))
        values[f"all classes, {average}"] = float(scored(average=average, labels=list(range(rows.num_labels))))
    return values


def _mcc(rows: SingleLabelRows) -> dict[str, float]:
    return {"": float(sk.matthews_corrcoef(rows.labels, rows.predictions))}


def _balanced_accuracy(rows: SingleLabelRows) -> dict[str, float]:
    return {"": balanced_accuracy(rows)}


def balanced_accuracy(rows: SingleLabelRows) -> float:
    """Return the mean over the classes of the fraction of their rows that are predicted right."""
    shares = [np.mean(rows.predictions[rows.labels == index] == index) for index in np.unique(rows.labels)]
    return float(np.mean(shares))


def _roc_auc(rows: SingleLabelRows) -> dict[str, float]:
    """Return areas under the ROC curve of the probabilities; several classes one against one or against the rest."""
    if len(np.unique(rows.labels)) < rows.num_labels or (rows.predictions < 0).any() or rows.logits is None:
        return {}
    return _areas(rows, special.softmax(rows.logits, axis=1))


def roc_auc_of_answers(rows: SingleLabelRows) -> dict[str, float]:
    """Return the areas under the curve of predicted classes: the values of a metric that gets no scores."""
    if len(np.unique(rows.labels)) < rows.num_labels or (rows.predictions < 0).any():
        return {}
    return _areas(rows, np.eye(rows.num_labels)[rows.predictions])


def _areas(rows: SingleLabelRows, scores: NDArray[np.float64]) -> dict[str, float]:
    if rows.num_labels == _BINARY:
        return {"": float(sk.roc_auc_score(rows.labels, scores[:, 1]))}
    return {
        f"{way}, {average}": float(sk.roc_auc_score(rows.labels, scores, multi_class=way, average=average))
        for way in ("ovr", "ovo")
        for average in ("macro", "weighted")
    }


def _squares(rows: SingleLabelRows) -> NDArray[np.float64]:
    return np.asarray((rows.predictions - rows.labels) ** 2)


def r2(rows: SingleLabelRows) -> float:
    """Return the fraction of the labels' variance that the predictions explain; NaN if the labels are constant."""
    variance = float(np.var(rows.labels))
    return 1.0 - float(np.mean(_squares(rows))) / variance if variance else float("nan")


_CLASSIFICATION: Mapping[str, Callable[[SingleLabelRows], dict[str, float]]] = {
    "accuracy": _accuracy,
    **{name: partial(_retrieval, score) for name, score in _RETRIEVAL.items()},
    "mcc": _mcc,
    "balanced_accuracy": _balanced_accuracy,
    "roc_auc": _roc_auc,
}
_REGRESSION: Mapping[str, Callable[[SingleLabelRows], dict[str, float]]] = {
    "pearson": lambda rows: {"": float(stats.pearsonr(rows.predictions, rows.labels).statistic)},
    "spearman": lambda rows: {"": float(stats.spearmanr(rows.predictions, rows.labels).statistic)},
    "mse": lambda rows: {"": float(np.mean(_squares(rows)))},
    "rmse": lambda rows: {"": float(np.sqrt(np.mean(_squares(rows))))},
    "mae": lambda rows: {"": float(np.mean(np.abs(rows.predictions - rows.labels)))},
    "r2": lambda rows: {"": r2(rows)},
}
