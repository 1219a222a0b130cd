"""Data of the metrics family if each token has a tag: the tags of the words of every evaluated row, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.checks.catalogue import NotApplicable, ReportedBy
from pytest_ftcheck.heads.row_metrics import metric_value
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.heads.tag_schemes import OUTSIDE
from pytest_ftcheck.heads.traits import IGNORED, LABEL_PER_TOKEN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_ftcheck.checks.evidence import Evidence

_IDS = 2
"""Number of axes of predictions [N, T] that were made from the logits before the metrics."""


def has_tags(evidence: Evidence) -> bool:
    """Return whether each token of the task's rows has a tag."""
    return LABEL_PER_TOKEN in evidence.pipeline.card.head_rules.traits


def tagged_rows(evidence: Evidence) -> EvaluatedRows:
    """Return labels and predictions ``[N, T]`` of a run's evaluation; logits if the evaluation returned them.

    Raises:
        NotApplicable: the outputs have another shape.
        ReportedBy: the numbers of predictions and labels differ, or no token has a tag.
        CheckFailure: the run failed.

    """
    run, card = evidence.run, evidence.pipeline.card
    label_ids, logits = np.asarray(run.label_ids), np.asarray(run.logits)
    if len(label_ids) == 0 or len(logits) != len(label_ids):
        reason = f"the evaluation gave {len(logits)} rows of predictions for {len(label_ids)} of labels"
        raise ReportedBy(check="metrics.evaluated_rows", reason=reason)
    if label_ids.ndim != _IDS or logits.ndim not in (_IDS, _IDS + 1) or logits.shape[1] < label_ids.shape[1]:
        msg = f"it needs logits [N, T, K] and labels [N, T]; the evaluation gave {logits.shape} and {label_ids.shape}"
        raise NotApplicable(msg)
    if not (label_ids != IGNORED).any():
        raise ReportedBy(check="metrics.evaluated_rows", reason="no evaluated token has a tag")
    logits = logits[:, : label_ids.shape[1]]
    if logits.ndim == _IDS:
        return EvaluatedRows(label_ids, logits.astype(np.int64), None, card.head_rules, card.label_names)
    if logits.shape[2] != len(card.label_names):
        reason = f"{logits.shape[2]} columns of logits for {len(card.label_names)} label names"
        raise ReportedBy(check="model.logits_shape", reason=reason)
    return EvaluatedRows.of_logits(logits, label_ids, card.head, card.label_names)


def entity_value(rows: EvaluatedRows, name: str = "overall_f1") -> float:
    """Return a metric of entities; NaN if it is not defined for these rows."""
    metric = rows.head_rules.scoring.row_metric(name, rows)
    return float("nan") if metric is None else metric_value(metric)


def with_predictions(rows: EvaluatedRows, predictions: NDArray[Any]) -> EvaluatedRows:
    """Return the same labels with other predictions ``[N, T]``."""
    return EvaluatedRows(rows.label_ids, predictions, None, rows.head, rows.label_names)


def flat(rows: EvaluatedRows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return labels and predictions of the M tokens that have a tag, ``[M]`` each."""
    counts = rows.label_ids != IGNORED
    return rows.label_ids[counts].astype(np.int64), rows.predictions[counts].astype(np.int64)


def rows_by_tags(rows: EvaluatedRows) -> NDArray[np.int64]:
    """Count the rows in which a tag is predicted for a labelled one, ``[K, K]``.

    Rows are counted because the tokens of a row are not independent: the tags of one entity are right or wrong
    together.
    """
    width = len(rows.label_names)
    table = np.zeros((width, width), dtype=np.int64)
    for labels, predictions in zip(rows.label_ids, rows.predictions, strict=True):
        known = (labels != IGNORED) & (predictions >= 0) & (predictions < width) & (labels < width)
        pairs = np.unique(np.stack([labels[known], predictions[known]]), axis=1)
        table[pairs[0], pairs[1]] += 1
    return table


def outside_id(rows: EvaluatedRows) -> int | None:
    """Return the id of O; None if no tag has this name."""
    return rows.label_names.index(OUTSIDE) if OUTSIDE in rows.label_names else None
