"""What must hold for the model's outputs: shapes, finite values, the right rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.runs.run import Run


def logits_shape(run: Run, rows: int, num_labels: int, subject: str) -> list[Finding]:
    """Every evaluated row has one row of logits, as wide as the task has labels: ``[N, K]``.

    Args:
        run: what came out.
        rows: N, rows of the evaluation data set.
        num_labels: K, classes, or 1 for regression.
        subject: what was trained on what.

    """
    if run.logits.shape == (rows, num_labels):
        return []
    return [
        Finding(
            "model.logits_shape",
            subject,
            f"logits of shape {(rows, num_labels)}",
            f"shape {run.logits.shape}",
            "look for a head of another size, or an evaluation that drops or repeats rows.",
        )
    ]


def label_ids(run: Run, labels: Sequence[Any], subject: str) -> list[Finding]:
    """Label ids are those of the evaluation data set, each row once and in order: ``[N]``.

    Args:
        run: what came out.
        labels: of the evaluation data set, ``[N]``.
        subject: what was trained on what.

    """
    expected = np.asarray(labels)
    if run.label_ids.shape != expected.shape:
        observed = f"shape {run.label_ids.shape}"
    elif (wrong := np.flatnonzero(run.label_ids != expected.astype(run.label_ids.dtype))).size:
        row = int(wrong[0])
        observed = f"{wrong.size} rows differ, the first is row {row}: {run.label_ids[row]} instead of {expected[row]}"
    else:
        return []
    return [
        Finding(
            "model.label_ids",
            subject,
            f"the {expected.size} labels of the evaluation data set, in order",
            observed,
            "look for a collator or sampler that reorders, drops or repeats rows in evaluation.",
        )
    ]


def finite_logits(run: Run, subject: str) -> list[Finding]:
    """No logit is NaN or infinite."""
    bad = np.flatnonzero(~np.isfinite(run.logits).all(axis=-1))
    if not bad.size:
        return []
    return [
        Finding(
            "model.finite",
            subject,
            "finite logits in every row",
            f"{bad.size} of {len(run.logits)} rows are not finite, the first is row {bad[0]}: {run.logits[bad[0]]}",
            "look for overflow in half precision, a learning rate that is too high, or a row of padding alone.",
        )
    ]


def predictions_in_range(run: Run, num_labels: int, label_range: tuple[float, float], subject: str) -> list[Finding]:
    """Predictions are class ids of the task; for regression, values near the range of the labels.

    A regression may overshoot the labels by their whole range, and no further.

    Args:
        run: what came out.
        num_labels: K, classes, or 1 for regression.
        label_range: smallest and largest label of the data, for regression.
        subject: what was trained on what.

    """
    low, high = 0.0, float(num_labels - 1)
    if run.head == "regression":
        span = label_range[1] - label_range[0]
        low, high = label_range[0] - span, label_range[1] + span
    predictions = run.predictions
    # Written so that a NaN is outside.
    outside = np.flatnonzero(~((predictions >= low) & (predictions <= high)))
    if predictions.shape == (len(run.logits),) and not outside.size:
        return []
    first = f", the first is row {outside[0]}: {predictions[outside[0]]}" if outside.size else ""
    return [
        Finding(
            "model.predictions",
            subject,
            f"{len(run.logits)} predictions from {low:g} to {high:g}",
            f"shape {predictions.shape}, {outside.size} outside{first}",
            "look for a head of another size, or regression labels on another scale than the head learned.",
        )
    ]
