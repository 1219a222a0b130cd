"""Checks of the outputs of the evaluated model: logits and label ids.

Shapes: N evaluated rows, K classes, or 1 for regression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding
from pytest_ftcheck.checks.collator.moved_rows import require_rows_in_place
from pytest_ftcheck.checks.masked_runs import require_same_labels
from pytest_ftcheck.checks.training.declared import own_loss
from pytest_ftcheck.heads.arrays import has_shape, without_padding
from pytest_ftcheck.heads.traits import LABEL_PER_ROW

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding


@check(
    "model.logits_shape",
    cost="run",
    catches="a head of another size, an evaluation that drops or repeats rows",
    hint="look for num_labels of another task, and for an evaluation that drops its last batch or adds rows.",
)
def logits_shape(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Every evaluated row has one row of logits, with one logit for each label of the task: ``[N, K]``.

    Assumes: the model returns one row of logits for each evaluated row.

    Unusual but healthy: a model that returns more, such as hidden states or token logits, fails.

    False alarms: none by chance.
    """
    del thresholds
    card = evidence.pipeline.card
    expected = card.head_rules.outputs.shapes(len(evidence.pipeline.eval_dataset), card.num_labels)["logits"]
    seen = evidence.run.logits.shape
    right = has_shape(evidence.run.logits, expected)
    return [] if right else [finding(f"logits of shape {expected}", f"shape {seen}")]


@check(
    "model.label_ids",
    cost="run",
    catches="evaluated rows that are reordered, dropped or repeated while their labels are collected",
    hint="look for a collator or sampler that reorders, drops or repeats rows in evaluation.",
)
def label_ids(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Label ids are those of the evaluation data set, each row once and in order: ``[N]``.

    Assumes: labels reach the metrics unchanged.

    Unusual but healthy: labels that are not numbers are skipped; a collator that gives other ids to them fails.

    False alarms: none by chance.
    """
    del thresholds
    require_same_labels(evidence)
    given, seen = evidence.label_array(evidence.pipeline.eval_dataset), evidence.run.label_ids
    if not (np.issubdtype(given.dtype, np.number) or given.dtype == bool):
        msg = f"the labels of the data set are not numbers ({given.dtype}): the collator converts them to ids"
        raise NotApplicable(msg)
    if given.ndim > 1:
        seen = without_padding(seen, given.shape[1])
    if seen.shape != given.shape:
        observed = f"shape {seen.shape}"
    elif (wrong := np.flatnonzero((seen != given.astype(seen.dtype)).reshape(len(seen), -1).any(axis=1))).size:
        row = int(wrong[0])
        observed = f"{wrong.size} rows differ, the first is row {row}: {seen[row]} instead of {given[row]}"
    else:
        return []
    if np.array_equal(np.sort(seen, axis=None), np.sort(given.astype(seen.dtype), axis=None)):
        require_rows_in_place(evidence)  # the same labels in another order
    return [finding(f"the {len(given)} labels of the evaluation data set, in order", observed)]


@check(
    "model.finite",
    cost="run",
    catches="overflow in half precision, weights that became NaN, a row of padding alone",
    hint="look for overflow in half precision, a learning rate that is too high, or a row of padding alone.",
)
def finite(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """No logit is NaN or infinite.

    Assumes: every logit is a number.

    Unusual but healthy: classes that are masked with minus infinity on purpose fail: use a large negative number.

    False alarms: none by chance.
    """
    del thresholds
    logits = evidence.run.logits
    bad = np.flatnonzero(~np.isfinite(logits).reshape(len(logits), -1).all(axis=-1))
    if not bad.size:
        return []
    observed = f"{bad.size} of {len(logits)} rows are not finite, the first is row {bad[0]}: {logits[bad[0]]}"
    return [finding("finite logits in every row", observed)]


@check(
    "model.predictions",
    cost="run",
    needs=(LABEL_PER_ROW,),
    # Allowed distance of predicted values from the labels, as a fraction of their range.
    thresholds={"overshoot": 1.0},
    catches="a head of another size, regression labels of another scale than in the training",
    hint="look for a head of another size, or regression labels of another scale than in the training.",
)
def predictions(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Predictions are class ids of the task; for regression, values near the range of the labels.

    Assumes: a regression's values have about the range of its labels.

    Unusual but healthy: values that exceed the labels by up to their whole range pass; a loss of the user's own is
    skipped.

    False alarms: none by chance.
    """
    run, card = evidence.run, evidence.pipeline.card
    low, high = 0.0, float(card.num_labels - 1)
    if card.head_rules.values:
        if own := own_loss(evidence):
            msg = f"the loss is the user's own ({', '.join(own)}): its outputs need not be on the scale of the labels"
            raise NotApplicable(msg)
        labels = [float(label) for label in _all_labels(evidence)]
        span = (max(labels) - min(labels)) * thresholds["overshoot"]
        low, high = min(labels) - span, max(labels) + span
    seen: NDArray[Any] = run.predictions
    # Written so that NaN counts as outside.
    outside = np.flatnonzero(~((seen >= low) & (seen <= high)))
    if seen.shape == (len(run.logits),) and not outside.size:
        return []
    first = f", the first is row {outside[0]}: {seen[outside[0]]}" if outside.size else ""
    expected = f"{len(run.logits)} predictions from {low:g} to {high:g}"
    return [finding(expected, f"shape {seen.shape}, {outside.size} outside{first}")]


def _all_labels(evidence: Evidence) -> list[Any]:
    return [*evidence.labels(evidence.pipeline.train_dataset), *evidence.labels(evidence.pipeline.eval_dataset)]
