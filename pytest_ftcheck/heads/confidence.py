"""Confidence of the model: the numbers of each row for calibration error, Brier score and loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.heads.rows import NO_LOGITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_ftcheck.heads.rows import EvaluatedRows

BINS = 15
"""Number of bins of equal width, as in Guo et al."""
_TWO = 2


def calibration_gaps(rows: EvaluatedRows) -> NDArray[np.float64]:
    """Return confidence minus correctness of each row, in the column of its confidence: ``[N, BINS]``.

    The sum over the columns of the absolute mean is the expected calibration error of Guo et al. 2017, "On
    calibration of modern neural networks", equation 3: the mean distance between confidence and accuracy over bins of
    confidence, weighted by their rows. With few rows the value is too high (Kumar et al. 2019): a perfectly calibrated
    model has 0.04 on 400 rows. Compare only values over the same number of rows.

    Raises:
        DataError: there are no logits.

    """
    confidence, right = sureness(rows)
    gaps = np.zeros((len(rows), BINS))
    gaps[np.arange(len(rows)), bins_of(confidence)] = confidence - right
    return gaps


def sureness(rows: EvaluatedRows) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the probability of each row's predicted class, and whether that class is its label, ``[N]`` each.

    Raises:
        DataError: there are no logits.

    """
    probabilities = rows.probabilities
    return probabilities.max(axis=1), np.asarray(probabilities.argmax(axis=1) == rows.label_ids)


def bins_of(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of each confidence, ``[N]``: bins are open below and closed above, as in the paper."""
    return np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)


def brier_scores(rows: EvaluatedRows) -> NDArray[np.float64]:
    """Return the squared distance of the probabilities from the label, ``[N]`` (Brier 1950).

    For two classes only that of class 1, 0 to 1; for more classes the sum over the classes, 0 to 2, as in scikit-learn.

    Raises:
        DataError: there are no logits.

    """
    probabilities = rows.probabilities
    distances: NDArray[np.float64] = (probabilities - _one_hot(rows, probabilities.shape[1])) ** 2
    return np.asarray(distances[:, 1] if probabilities.shape[1] == _TWO else distances.sum(axis=1))


def row_losses(rows: EvaluatedRows) -> NDArray[np.float64]:
    """Return the loss of each row as the heads of transformers compute it, ``[N]``.

    Without label smoothing and class weights.

    Raises:
        DataError: there are no logits.

    """
    own = rows.head_rules.answers
    if own is not None:
        return own.losses(rows)
    kept = rows.head_rules.kept
    if kept is not None and rows.logits is not None:
        return kept.losses(rows.logits, rows.label_ids)
    import torch  # noqa: PLC0415 - slow to import

    logits = rows.predictions[:, None] if rows.logits is None and rows.regression else rows.logits
    if logits is None:
        raise DataError(NO_LOGITS)
    labels = torch.as_tensor(rows.label_ids.astype(np.float64 if rows.label_ids.dtype.kind == "f" else np.int64))
    loss = rows.head_rules.loss(torch.as_tensor(logits.astype(np.float64)), labels, reduction="none")
    return np.asarray(loss.numpy())


def label_confidence(rows: EvaluatedRows) -> NDArray[np.float64]:
    """Return the probability of each row's label ``[N]``; without logits 1 where the prediction is right, else 0."""
    if rows.logits is None:
        return np.asarray(rows.predictions == rows.label_ids, dtype=np.float64)
    probabilities = rows.probabilities
    return np.asarray((probabilities * _one_hot(rows, probabilities.shape[1])).sum(axis=1))


def _one_hot(rows: EvaluatedRows, classes: int) -> NDArray[np.bool_]:
    return np.asarray(rows.label_ids[:, None] == np.arange(classes))
