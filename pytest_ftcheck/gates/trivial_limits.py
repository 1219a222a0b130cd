"""Refuses limits that a trivial classifier reaches, before any training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.columns import label_names_in, label_values, scalars
from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.gates.row_metrics import resolve_metric
from pytest_ftcheck.gates.trivial import best_trivial, reached_by_trivial, trivial_classifiers
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.pipeline.generated_logits import generated_logits

if TYPE_CHECKING:
    from typing import Any

    from datasets import Dataset
    from numpy.typing import NDArray

    from pytest_ftcheck.heads.trivial import Trivial
    from pytest_ftcheck.pipeline.parts import Pipeline


def refuse_trivial_limits(pipeline: Pipeline) -> None:
    """Compare every limit of a card for all rows with the best trivial classifier on the evaluation rows.

    Limits of slices are not compared: a constant classifier is right in all rows of one class.

    Raises:
        TaskError: a limit has no effect.

    """
    for metric, metric_limits in pipeline.card.gates(pipeline.tier, pipeline.checkpoint.name).items():
        if metric_limits.limit is not None:
            refuse_trivial_limit(pipeline, metric, metric_limits.limit)


def refuse_trivial_limit(
    pipeline: Pipeline, metric: str, limit: float, *, greater_is_better: bool | None = None
) -> None:
    """Compare one limit; see `refuse_trivial_limits`.

    Raises:
        TaskError: the limit has no effect.

    """
    greater = pipeline.card.greater_is_better(metric) if greater_is_better is None else greater_is_better
    reached = reached_by_trivial(limit, best_trivial_of(pipeline, metric), greater_is_better=greater)
    if reached:
        msg = (
            f"task card {pipeline.card.name!r}: {reached} Raise it, give more evaluation rows "
            f"({len(pipeline.eval_dataset)} now), or gate another metric."
        )
        raise TaskError(msg if greater else msg.replace("Raise it", "Lower it"))


def best_trivial_of(pipeline: Pipeline, metric: str) -> Trivial | None:
    """Return the best trivial classifier on a pipeline's evaluation rows.

    None where the metric cannot be computed from rows.
    """
    label_ids = _labels(pipeline, pipeline.eval_dataset, pipeline.raw_evaluation)
    answers = pipeline.card.head_rules.answers
    name = _metric_of_rows(pipeline, metric, label_ids) if answers is None else _metric_of_answers(pipeline, metric)
    if name is None:
        return None
    # A user's Trainer has the raw rows of its evaluation only.
    known = answers is None or pipeline.card.label_column in pipeline.data.train.column_names
    train_label_ids = _labels(pipeline, pipeline.train_dataset, pipeline.data.train) if known else None
    found = trivial_classifiers(
        name,
        label_ids,
        head=pipeline.card.head_rules,
        label_names=pipeline.card.label_names,
        train_label_ids=train_label_ids,
    )
    return best_trivial(found, greater_is_better=pipeline.card.greater_is_better(metric))


def _labels(pipeline: Pipeline, rows: Dataset, raw: Dataset) -> NDArray[Any]:
    """Return what gates take as labels, ``[N]``, of tokenized rows and the raw rows that they were made of."""
    head = pipeline.card.head_rules
    if head.answers is not None:
        return head.answers.references(scalars(raw, pipeline.card.label_column))
    if head.masks is not None and not label_names_in(rows.column_names) and pipeline.processing_class is not None:
        return head.labels.stacked(head.masks.candidates(rows, pipeline.processing_class))
    return head.labels.stacked(label_values(rows))


def _metric_of_answers(pipeline: Pipeline, metric: str) -> str | None:
    """Return the name for `row_metric`; of a user's metric, by its value for the answers to generated logits."""
    made_up = pipeline.source.evaluation.made_up
    if made_up is None:
        return metric
    value = float(made_up.metrics.get(metric, np.nan))
    # 0 is the same in percent and as a fraction.
    return resolve_metric(metric, made_up.answered.rows, value) if value else None


def _metric_of_rows(pipeline: Pipeline, metric: str, label_ids: NDArray[Any]) -> str | None:
    """Return the name for `row_metric`: a user's ``f1`` may be any average, or no F1 at all.

    The pipeline's own function is called with generated logits. A metric of another package has no such name: it may
    need logits, which trivial models do not have.
    """
    card = pipeline.card
    if metric in {own.name for own in card.own_metrics}:
        return None
    of_logits = card.head_rules.scoring.of_logits
    if metric not in card.gated_metrics and metric not in (*of_logits, "loss"):
        return None
    logits = generated_logits(card.head_rules, label_ids, card.num_labels, pipeline.eval_dataset)
    rows = EvaluatedRows.of_logits(logits, label_ids, card.head, card.label_names)
    if metric in of_logits:
        return metric
    if metric == "loss":  # the model's own loss, unless a Trainer or its arguments replace it
        own = not pipeline.source.loss.is_of_model or pipeline.args.get("label_smoothing_factor")
        return None if own else metric
    if pipeline.compute_metrics is None:
        return resolve_metric(metric, rows, None)
    from transformers import EvalPrediction  # noqa: PLC0415 - slow to import

    reported = pipeline.compute_metrics(EvalPrediction(predictions=logits, label_ids=label_ids))
    value = reported.get(metric)
    return None if value is None else resolve_metric(metric, rows, float(value))
