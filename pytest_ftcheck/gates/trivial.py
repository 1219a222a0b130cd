"""Scores of trivial models, which have learned nothing: a floor must be above them.

On MRPC, "always equivalent" scores accuracy 0.684 and F1 0.812: a floor below that has no effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.gates.intervals import row_interval
from pytest_ftcheck.gates.row_metrics import row_metric
from pytest_ftcheck.heads.row_metrics import metric_value
from pytest_ftcheck.heads.trivial import Trivial

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from pytest_ftcheck.gates.intervals import Interval
    from pytest_ftcheck.heads.head import Head
    from pytest_ftcheck.heads.rows import EvaluatedRows


def trivial_classifiers(
    metric: str,
    label_ids: NDArray[Any],
    *,
    head: Head,
    label_names: Sequence[str] = (),
    train_label_ids: NDArray[Any] | None = None,
) -> list[Trivial]:
    """Score every trivial model that a head knows on labels.

    For classes: each constant prediction, of which the most frequent class is the majority classifier; guessing by the
    frequency of each label in training; and for a loss or Brier score these frequencies as probabilities in every row.
    For values: the mean label of training, and for a correlation a random guess.

    Args:
        metric: name for `row_metric`.
        label_ids: ``[N]``, labels of the evaluation rows.
        head: head of the task.
        label_names: names of the classes in the order of their ids.
        train_label_ids: ``[M]``; None: the evaluation labels, which can only improve the trivial scores.

    Returns:
        The trivial models for which the metric is defined.

    """
    train = label_ids if train_label_ids is None else train_label_ids
    if not len(label_ids) or not len(train):
        return []
    constants = head.scoring.constants(metric, label_ids, train, label_names)
    scored = [found for name, rows in constants for found in _scored(name, metric, rows)]
    return [*scored, *head.scoring.guesses(metric, label_ids, train, label_names)]


def best_trivial(classifiers: Sequence[Trivial], *, greater_is_better: bool = True) -> Trivial | None:
    """Return the trivial model with the best score plus noise; None where there is none."""
    if greater_is_better:
        return max(classifiers, key=lambda trivial: trivial.high, default=None)
    return min(classifiers, key=lambda trivial: trivial.low, default=None)


def reached_by_trivial(limit: float, trivial: Trivial | None, *, greater_is_better: bool = True) -> str:
    """Return the message about a floor (or ceiling) that the best trivial classifier reaches with noise; else empty.

    Args:
        limit: floor, or ceiling where smaller is better.
        trivial: result of `best_trivial`.
        greater_is_better: direction of the metric.

    """
    if trivial is None:
        return ""
    kind, side, edge = ("floor", "above", trivial.high) if greater_is_better else ("ceiling", "below", trivial.low)
    if limit > edge if greater_is_better else limit < edge:  # a NaN limit is never better
        return ""
    return (
        f"the {kind} {limit:.4f} for {trivial.metric} has no effect: {trivial.name!r} scores {trivial.value:.4f} on "
        f"these rows, and {edge:.4f} with noise. A {kind} must be {side} {edge:.4f}; a model that does not reach that "
        "has learned nothing beyond the distribution of the labels."
    )


def _scored(name: str, metric: str, rows: EvaluatedRows) -> list[Trivial]:
    found, interval = row_metric(metric, rows), row_interval(metric, rows)
    if found is None or interval is None:
        return []
    value = metric_value(found)
    return [Trivial(name, metric, value, *_ends(interval, value))]


def _ends(interval: Interval, value: float) -> tuple[float, float]:
    """Return both ends; the value itself without spread over rows, as for F1 of a class that is never predicted."""
    return (interval.low, interval.high) if interval.known and interval.method != "unseen" else (value, value)
