"""What a model reaches that has learned nothing: a floor must stand above it.

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

    For classes: each constant one, of which the most frequent is the majority classifier; guessing by the share of
    each label in training; and for a loss or Brier score those shares as probabilities in every row. For
    values: the mean label of training, and for a correlation a guess that knows nothing.

    Args:
        metric: as `row_metric` takes it.
        label_ids: ``[N]``, of the evaluation rows.
        head: of the task.
        label_names: of the classes in the order of their ids.
        train_label_ids: ``[M]``; without them the evaluation labels stand in, which only flatters the classifiers.

    Returns:
        Those for which the metric is defined.

    """
    train = label_ids if train_label_ids is None else train_label_ids
    if not len(label_ids) or not len(train):
        return []
    constants = head.scoring.constants(metric, label_ids, train, label_names)
    scored = [found for name, rows in constants for found in _scored(name, metric, rows)]
    return [*scored, *head.scoring.guesses(metric, label_ids, train, label_names)]


def best_trivial(classifiers: Sequence[Trivial], *, greater_is_better: bool = True) -> Trivial | None:
    """Return the one that is hardest to beat, noise included; None where there is none."""
    if greater_is_better:
        return max(classifiers, key=lambda trivial: trivial.high, default=None)
    return min(classifiers, key=lambda trivial: trivial.low, default=None)


def reached_by_trivial(limit: float, trivial: Trivial | None, *, greater_is_better: bool = True) -> str:
    """Word that a floor (or ceiling) is no better than the best trivial classifier and its noise; else nothing.

    Args:
        limit: floor, or ceiling where smaller is better.
        trivial: of `best_trivial`.
        greater_is_better: direction of the metric.

    """
    if trivial is None:
        return ""
    kind, side, edge = ("floor", "above", trivial.high) if greater_is_better else ("ceiling", "below", trivial.low)
    if limit > edge if greater_is_better else limit < edge:  # a NaN limit is no better than anything
        return ""
    return (
        f"the {kind} {limit:.4f} for {trivial.metric} has no effect: {trivial.name!r} scores {trivial.value:.4f} on "
        f"these rows, and with its noise {edge:.4f}. A {kind} must stand {side} {edge:.4f}; a model that comes no "
        "further has learned nothing that the labels alone do not say."
    )


def _scored(name: str, metric: str, rows: EvaluatedRows) -> list[Trivial]:
    found, interval = row_metric(metric, rows), row_interval(metric, rows)
    if found is None or interval is None:
        return []
    value = metric_value(found)
    return [Trivial(name, metric, value, *_ends(interval, value))]


def _ends(interval: Interval, value: float) -> tuple[float, float]:
    """Without spread over rows, as F1 of a class that is never predicted, the value stands for both ends."""
    return (interval.low, interval.high) if interval.known and interval.method != "unseen" else (value, value)
