"""Metrics of label sets: F1, precision and recall over all labels or of one label, exact rows, and rankings."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.heads.confidence import row_losses
from pytest_ftcheck.heads.registry import head_named
from pytest_ftcheck.heads.row_metrics import FROM_0_TO_1, MeanMetric, only, ratio, wrong_and_right
from pytest_ftcheck.heads.rows import EvaluatedRows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from pytest_ftcheck.heads.row_metrics import RowMetric
    from pytest_ftcheck.heads.trivial import Trivial

    Floats = NDArray[np.float64]

PATH = "multi_label"
"""``path`` of a card's metric."""
_RETRIEVAL = ("f1", "precision", "recall")
_AVERAGES = ("micro", "macro", "weighted", "samples")
_JACKKNIFE = 300
"""Maximum number of rows that are left out one by one for a ranking."""
_MOST = 50
"""Number of draws whose rankings are computed together: each draw needs N numbers."""


class ScoringOfLabelSets:
    """See `Scoring`."""

    default_metric = PATH
    of_logits: tuple[str, ...] = ()
    own_metrics: Mapping[str, Mapping[str, bool]] = MappingProxyType(
        {
            PATH: MappingProxyType(
                {"f1_micro": True, "f1_macro": True, "average_precision": True, "subset_accuracy": True}
            )
        }
    )
    averages: Mapping[str, tuple[str, ...]] = MappingProxyType(
        {
            **{name: tuple(f"{name}_{average}" for average in _AVERAGES) for name in _RETRIEVAL},
            "accuracy": ("label_accuracy",),
        }
    )

    def row_metric(self, name: str, rows: EvaluatedRows) -> RowMetric | None:
        """Return a metric of label sets.

        Names such as ``f1_micro`` and ``macro_precision``, in both orders; ``NAME_f1`` of one label;
        ``subset_accuracy`` (also ``accuracy`` and ``exact_match``): the fraction of rows with all labels right;
        ``label_accuracy`` and ``hamming_loss``, over all pairs of row and label; ``average_precision`` and ``loss`` of
        logits.
        """
        measure, average = _parts(name)
        if measure:
            return _retrieval(measure, average, rows)
        right = rows.predictions == (rows.label_ids > 0.5)  # the fraction of votes from which a label counts as present
        if name in {"subset_accuracy", "accuracy", "exact_match"}:
            return MeanMetric(right.all(axis=1).astype(np.float64)[:, None], only, FROM_0_TO_1)
        if name in {"label_accuracy", "hamming_loss"}:
            share = right if name == "label_accuracy" else ~right
            return MeanMetric(share.mean(axis=1, dtype=np.float64)[:, None], only, FROM_0_TO_1)
        if rows.logits is None:
            return _of_one_label(name, rows)
        if name == "loss":
            return MeanMetric(row_losses(rows)[:, None], only)
        return PrecisionOfRanking.of(rows) if name == "average_precision" else _of_one_label(name, rows)

    def constants(
        self, metric: str, label_ids: NDArray[Any], train_label_ids: NDArray[Any], label_names: Sequence[str]
    ) -> list[tuple[str, EvaluatedRows]]:
        """Return constant predictions: the most frequent label of training, the two most frequent, … all labels.

        For a loss and a ranking: the fraction of each label as its probability.
        """
        head, shares = head_named("multi-label-classification"), train_label_ids.mean(axis=0)
        if metric in {"loss", "average_precision"}:
            known = np.clip(shares.astype(np.float64), 1 / (len(train_label_ids) + 1), 1 - 1e-9)
            logits = np.tile(np.log(known / (1 - known)), (len(label_ids), 1))
            name = "the fraction of each label as its probability"
            return [(name, EvaluatedRows(label_ids, (logits > 0).astype(np.int64), logits, head, tuple(label_names)))]
        order, found = np.argsort(-shares, kind="stable"), []
        for count in range(len(order) + 1):
            answer = np.zeros(label_ids.shape, dtype=np.int64)
            answer[:, order[:count]] = 1
            found.append((_named(order[:count], label_names), EvaluatedRows(label_ids, answer, None, head)))
        return found

    def guesses(
        self, metric: str, label_ids: NDArray[Any], train_label_ids: NDArray[Any], label_names: Sequence[str]
    ) -> list[Trivial]:
        """Return no model: the most frequent labels score at least as well as labels drawn by their frequency."""
        del metric, label_ids, train_label_ids, label_names
        return []


def _named(labels: NDArray[np.intp], label_names: Sequence[str]) -> str:
    if not len(labels):
        return "never any label"
    if len(labels) == 1:
        return f"always {label_names[labels[0]]}"
    return "always all labels" if len(labels) == len(label_names) else f"always the {len(labels)} most frequent labels"


def _parts(name: str) -> tuple[str, str]:
    """Split ``f1_micro`` or ``micro_f1``; return two empty strings for any other name."""
    for measure in _RETRIEVAL:
        for average in _AVERAGES:
            if name in {f"{measure}_{average}", f"{average}_{measure}"}:
                return measure, average
    return "", ""


def _counted(rows: EvaluatedRows) -> tuple[Floats, Floats, Floats]:
    """Return ``[N, K]`` each: right predictions, predictions, labels. A logit that is not finite counts as wrong."""
    labels = (rows.label_ids > 0.5).astype(np.float64)  # as above
    return labels * (rows.predictions == 1), (rows.predictions != 0).astype(np.float64), labels


def _below(measure: str, predicted: Floats, labelled: Floats) -> Floats:
    return {"f1": (predicted + labelled) / 2, "precision": predicted, "recall": labelled}[measure]


def _retrieval(measure: str, average: str, rows: EvaluatedRows) -> MeanMetric:
    """Make F1, precision or recall, averaged as in scikit-learn, with 0 for a denominator of 0."""
    both, predicted, labelled = _counted(rows)
    if average == "samples":
        of_rows = ratio(both.sum(axis=1), _below(measure, predicted, labelled).sum(axis=1), undefined=0.0)
        return MeanMetric(of_rows[:, None], only, FROM_0_TO_1)

    def value(means: Floats) -> Floats:
        right, answered, known = np.moveaxis(means.reshape(*means.shape[:-1], 3, both.shape[1]), -2, 0)
        below = _below(measure, answered, known)
        if average == "micro":
            return ratio(right.sum(axis=-1), below.sum(axis=-1), undefined=0.0)
        scores = ratio(right, below, undefined=0.0)
        if average == "macro":
            return np.asarray(scores.mean(axis=-1))
        return ratio((scores * known).sum(axis=-1), known.sum(axis=-1), undefined=0.0)

    counts = np.concatenate([both, predicted, labelled], axis=1)
    return MeanMetric(counts, value, wrong_and_right(predicted, labelled))


def _of_one_label(name: str, rows: EvaluatedRows) -> MeanMetric | None:
    """Make ``NAME_f1`` of one label."""
    label, _, measure = name.rpartition("_")
    if measure not in _RETRIEVAL or label not in rows.label_names:
        return None
    column = rows.label_names.index(label)
    features = np.stack([part[:, column] for part in _counted(rows)], axis=1)

    def value(means: Floats) -> Floats:
        right, answered, known = np.moveaxis(means, -1, 0)
        return ratio(right, _below(measure, answered, known), undefined=0.0)

    return MeanMetric(features, value, wrong_and_right(features[:, 1:2], features[:, 2:]))


@dataclass(frozen=True)
class PrecisionOfRanking:
    """Average precision of each label's ranking of the rows, the mean over the labels that occur; see `RowMetric`.

    For a label, the sum over the distinct scores, from the highest, of the precision at this score times the increase
    of the recall, as in `sklearn.metrics.average_precision_score`.
    """

    orders: NDArray[np.intp]
    """``[K, N]``, rows from the highest logit to the lowest."""
    ends: NDArray[np.bool_]
    """``[K, N]``, whether the next row in that order has another logit."""
    labels: NDArray[np.bool_]
    """``[K, N]``, in that order."""

    @classmethod
    def of(cls, rows: EvaluatedRows) -> PrecisionOfRanking:
        """Rank the rows by their logits."""
        scores = np.asarray(rows.logits, dtype=np.float64).T
        orders = np.argsort(-scores, axis=1, kind="stable")
        ranked = np.take_along_axis(scores, orders, axis=1)
        ends = np.diff(ranked, axis=1, append=np.nan) != 0
        labels = np.take_along_axis((rows.label_ids > 0.5).T, orders, axis=1)  # as above
        return cls(orders, ends, labels)

    @property
    def rows(self) -> int:
        """N."""
        return int(self.orders.shape[1])

    def over(self, counts: NDArray[np.uint8]) -> Floats:
        """See `RowMetric.over`; NaN where no label occurs."""
        return np.concatenate(
            [self._over(part) for part in np.array_split(counts, max(len(counts) // _MOST, 1))], dtype=np.float64
        )

    def _over(self, counts: NDArray[np.uint8]) -> Floats:
        total, occurring = np.zeros(len(counts)), np.zeros(len(counts))
        for order, ends, labels in zip(self.orders, self.ends, self.labels, strict=True):
            drawn = counts[:, order].astype(np.float64)
            seen, found = (np.cumsum(part, axis=1)[:, ends] for part in (drawn, drawn * labels))
            precision = ratio(found, seen, undefined=0.0)
            known = found[:, -1]
            total += ratio((np.diff(found, axis=1, prepend=0.0) * precision).sum(axis=1), known, undefined=0.0)
            occurring += known > 0
        return ratio(total, occurring, undefined=np.nan)

    def leave_one_out(self) -> Floats:
        """See `RowMetric.leave_one_out`: at most 300 rows, drawn with a fixed seed."""
        drawn = np.random.default_rng(0).permutation(self.rows)[:_JACKKNIFE]
        counts = np.ones((len(drawn), self.rows), dtype=np.uint8)
        counts[np.arange(len(drawn)), drawn] = 0
        return self.over(counts)
