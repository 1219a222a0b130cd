"""Checks of the relation between logits and the reported evaluation loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding
from pytest_ftcheck.checks.masked_runs import require_same_labels
from pytest_ftcheck.checks.metrics.rows import NO_LOGITS, in_shape, judged, with_logits
from pytest_ftcheck.checks.metrics.tagged import has_tags, tagged_rows
from pytest_ftcheck.checks.model.logits import tolerance_of
from pytest_ftcheck.checks.training.declared import arguments
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.checks.metrics.rows import SingleLabelRows
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.heads.head import Head

_TOLERANCE = {"float32": 1e-3, "bfloat16": 5e-2, "float16": 5e-2}
_FEW = 10
"""Number of rows below which logits may lie between 0 and 1 by chance."""


def require_plain_loss(evidence: Evidence) -> None:
    """Stop a check that supports only the losses of transformers: cross entropy, or mean squared error.

    Raises:
        NotApplicable: the Trainer or the model computes a loss of its own.

    """
    own = evidence.pipeline.source.own
    model: Any = evidence.fresh_model
    model = model.get_base_model() if hasattr(model, "get_base_model") else model
    reason = ""
    if own.compute_loss_func is not None:
        reason = "the Trainer has a compute_loss_func of its own"
    for name in own.methods("compute_loss", "prediction_step", "evaluation_loop", "evaluate"):
        reason = f"the Trainer has a {name} of its own"
    if not type(model).__module__.startswith("transformers."):
        reason = f"the model is a class of its own, {type(model).__name__}"
    if reason:
        msg = f"{reason}: the relation of its loss to the logits is not known"
        raise NotApplicable(msg)


def _losses(rows: SingleLabelRows, smoothing: float) -> list[float]:
    """Mean loss over the rows: plain, and with label smoothing if the recipe has it."""
    loss, logits, labels = rows.head.loss, torch.as_tensor(with_logits(rows)), torch.as_tensor(rows.labels)
    smoothed = [smoothing] if smoothing and not rows.regression else []
    return [float(loss(logits, labels, label_smoothing=share)) for share in (0.0, *smoothed)]


def _losses_of_run(evidence: Evidence) -> tuple[Head, int, list[float]]:
    """Return the head, the number of rows, and the possible values of the loss of the run's logits.

    Raises:
        NotApplicable: logits and labels do not belong to the same rows.

    """
    smoothing = float(evidence.pipeline.args.get("label_smoothing_factor") or 0.0)
    head = evidence.pipeline.card.head_rules
    if LABEL_PER_ROW in head.traits:
        rows = judged(evidence)
        return rows.head, len(rows), _losses(rows, smoothing)
    outputs = _of_tags(evidence) if has_tags(evidence) else in_shape(evidence)
    logits, labels = map(torch.as_tensor, outputs)
    # An evaluation weights the means of its batches by their numbers of rows, also if a mean is over tokens.
    size = int(arguments(evidence).eval_batch_size)
    batches = list(zip(logits.split(size), labels.split(size), strict=True))
    shares = (0.0, smoothing) if smoothing else (0.0,)
    losses = [
        value
        for share in shares
        for value in (
            sum(_mean_loss(head, *batch, share) * len(batch[1]) for batch in batches) / len(labels),
            _mean_loss(head, logits, labels, share),
        )
    ]
    return head, len(labels), losses


def _mean_loss(head: Head, logits: torch.Tensor, labels: torch.Tensor, smoothing: float) -> float:
    """Return the loss of logits, or the mean of what was kept of them: losses that know no smoothing."""
    if head.kept is None:
        return float(head.loss(logits, labels, label_smoothing=smoothing))
    return float(head.outputs.judged(logits.numpy(), labels.numpy()).astype(np.float64).mean())


def _of_tags(evidence: Evidence) -> tuple[NDArray[np.float64], NDArray[Any]]:
    rows = tagged_rows(evidence)
    if rows.logits is None:
        raise NotApplicable(NO_LOGITS)
    return rows.logits.astype(np.float64), rows.label_ids


@check(
    "metrics.loss_agrees",
    cost="run",
    tolerance=_TOLERANCE,
    catches="logits and labels of different rows, an evaluation loss of other rows, averaged wrongly or rescaled",
    hint="the loss and the logits come from different rows, weights or modes; look for dropout that is active in "
    "evaluation, batches whose losses are averaged without their sizes, or labels that change between loss and metric.",
)
def loss_agrees(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The reported evaluation loss is the mean cross entropy, or squared error, of logits and labels.

    For other heads, it is that head's loss, over all rows or as the mean of the batches' means. The tolerance is
    relative above 1, else absolute.

    Assumes: the evaluation loss is that of transformers.

    Unusual but healthy: a loss of the user's own is skipped; label smoothing is supported.

    False alarms: none by chance.
    """
    require_same_labels(evidence)
    head, count, losses = _losses_of_run(evidence)
    require_plain_loss(evidence)
    if "loss" not in evidence.run.metrics:
        msg = "the evaluation reported no loss"
        raise NotApplicable(msg)
    reported = evidence.run.metrics["loss"]
    # Written so that NaN counts as different.
    tolerance = tolerance_of(evidence.fresh_model, thresholds)
    if any(abs(reported - loss) <= tolerance * max(1.0, loss) for loss in losses):
        return []
    return [
        finding(
            f"an evaluation loss of {losses[-1]:.6g}, the mean {head.loss.name} of the logits of {count} rows, within "
            f"{tolerance:g}",
            f"{reported:.6g}",
        )
    ]


@check(
    "metrics.raw_logits",
    cost="run",
    needs=(CLASSES, LABEL_PER_ROW),
    tolerance=_TOLERANCE,
    catches="a softmax, sigmoid, tanh or ReLU on the logits, to which cross entropy applies another softmax",
    hint="return the last linear layer's output as logits: the loss and pipeline() apply the softmax themselves.",
)
def raw_logits(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Logits are not bounded by an activation before cross entropy applies the softmax.

    Assumes: cross entropy gets raw logits.

    Unusual but healthy: probabilities that are made for the metrics alone are skipped. Bounded logits on purpose, as in
    a cosine head, pass.

    False alarms: none by chance from 10 rows on: such logits do not occur by chance in a trained model.
    """
    rows = judged(evidence)
    logits = with_logits(rows)
    squashed = _activation(logits)
    if not squashed:
        return []
    loss = evidence.run.metrics.get("loss")
    smoothing = float(evidence.pipeline.args.get("label_smoothing_factor") or 0.0)
    # For probabilities that were made for the metrics alone, the loss is not their own cross entropy.
    agrees = loss is not None and any(abs(loss - own) <= thresholds["tolerance"] for own in _losses(rows, smoothing))
    if not agrees:
        msg = f"{squashed}, and the evaluation loss is not their cross entropy: they were made for the metrics"
        raise NotApplicable(msg)
    return [
        finding(
            "logits without bounds: the loss applies the softmax",
            f"{squashed}, in all {len(logits)} rows; lowest {logits.min():.4g}, highest {logits.max():.4g}",
        )
    ]


def _activation(logits: NDArray[np.float64]) -> str:
    """Name the activation that was applied to the logits ``[N, K]``; an empty text if none can be recognised."""
    low, high = float(logits.min()), float(logits.max())
    if len(logits) < _FEW or not np.isfinite(logits).all() or np.ptp(logits) == 0:
        return ""
    if low >= 0 and np.allclose(logits.sum(axis=1), 1.0, atol=1e-3):
        return "the logits of each row are probabilities: they sum to 1"
    if 0 <= low < 0.2 and 0.8 < high <= 1:  # an untrained head's logits are small and close together
        return "the logits lie between 0 and 1, as after a sigmoid"
    if low == 0 and np.mean(logits == 0) >= 0.05:  # one exact zero may be chance
        return "no logit is negative and many are exactly 0, as after a ReLU"
    if max(-low, high) <= 1 and np.mean(np.abs(logits) > 0.99) >= 0.1:  # saturated, not just small
        return "the logits lie between -1 and 1, many of them at the ends, as after a tanh"
    return ""
