"""Data of the metrics family: a label and a prediction for every evaluated row, and probabilities by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from pytest_ftcheck.checks.catalogue import NotApplicable, ReportedBy
from pytest_ftcheck.heads.arrays import has_shape
from pytest_ftcheck.heads.registry import head_of_width

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.heads.head import Head

_MATRIX = 2
"""Number of axes of logits [N, K]."""
_BINARY = 2
NO_LOGITS = "the evaluation returned class ids, not logits: preprocess_logits_for_metrics removed the logits"


@dataclass(frozen=True)
class SingleLabelRows:
    """Labels and predictions of N evaluated rows with one label each; K classes, or one value a row.

    They are read strictly: whole class ids, K and names known, logits in float64, rows without a label separated; a
    check is not applicable to other values. `pytest_ftcheck.heads.rows.EvaluatedRows` holds the arrays of any head of a
    run or of an accepted run, and is used by metrics of rows and by gates.
    """

    labels: NDArray[Any]
    """``[N]``: int64 class ids, or float64 for regression."""
    predictions: NDArray[Any]
    """``[N]``: int64 class ids, -1 where a logit is not finite; or float64 for regression."""
    logits: NDArray[np.float64] | None
    """``[N, K]``; None if only class ids were returned."""
    num_labels: int
    """K; 1 for regression."""
    names: tuple[str, ...]
    """Names of the classes, their ids if there are no names; empty for regression."""

    @property
    def head(self) -> Head:
        """The head: of classes or of values."""
        return head_of_width(self.num_labels)

    def __len__(self) -> int:
        """Return N."""
        return len(self.labels)

    @property
    def regression(self) -> bool:
        """Whether predictions are values, not classes."""
        return self.num_labels == 1

    @property
    def has_label(self) -> NDArray[np.bool_]:
        """``[N]``: the label is a class of the head, or a finite value; -100 is no label."""
        if self.regression:
            return np.asarray(np.isfinite(self.labels))
        return np.asarray((self.labels >= 0) & (self.labels < self.num_labels))

    def take(self, mask: NDArray[np.bool_]) -> SingleLabelRows:
        """Return the rows where the mask ``[N]`` is True."""
        logits = None if self.logits is None else self.logits[mask]
        return SingleLabelRows(self.labels[mask], self.predictions[mask], logits, self.num_labels, self.names)

    def swapped(self) -> SingleLabelRows:
        """Return the rows with labels and predictions exchanged."""
        return SingleLabelRows(self.predictions, self.labels, None, self.num_labels, self.names)

    def ranked(self) -> SingleLabelRows:
        """Return the ranks of values and labels; equal values get their mean rank."""
        predictions, labels = stats.rankdata(self.predictions), stats.rankdata(self.labels)
        return SingleLabelRows(labels, predictions, predictions[:, None], 1, self.names)

    def predicting(self, predictions: NDArray[Any]) -> SingleLabelRows:
        """Return the same labels with other predictions, as logits 1 and 0."""
        if self.regression:
            return SingleLabelRows(self.labels, predictions, predictions[:, None], 1, self.names)
        logits = np.eye(self.num_labels)[predictions]
        return SingleLabelRows(self.labels, predictions, logits, self.num_labels, self.names)


def evaluated(evidence: Evidence) -> SingleLabelRows:
    """Read labels and predictions of every evaluated row from the run.

    Raises:
        NotApplicable: the rows do not have one label and one prediction each.
        CheckFailure: the run failed.

    """
    run, regression = evidence.run, evidence.pipeline.card.head_rules.values
    label_ids, logits = np.asarray(run.label_ids), np.asarray(run.logits)
    if label_ids.ndim == _MATRIX and label_ids.shape[1] == 1:
        label_ids = label_ids[:, 0]
    if label_ids.ndim != 1 or label_ids.dtype.kind not in "biuf":
        msg = f"it needs one label a row; the evaluation gave label ids of shape {label_ids.shape}"
        raise NotApplicable(msg)
    if len(label_ids) == 0 or len(logits) != len(label_ids):
        reason = f"the evaluation gave {len(logits)} predictions for {len(label_ids)} labels"
        raise ReportedBy(check="metrics.evaluated_rows", reason=reason)
    if logits.ndim == _MATRIX and logits.shape[1] == 1 and not regression:
        msg = "it needs a logit for each class; the evaluation gave one a row"
        raise NotApplicable(msg)
    if logits.ndim > _MATRIX or (regression and logits.size != len(label_ids)):
        msg = f"it needs logits [N, K]; the evaluation gave shape {logits.shape}"
        raise NotApplicable(msg)
    if regression:
        values = logits.reshape(-1).astype(np.float64)
        return SingleLabelRows(label_ids.astype(np.float64), values, values[:, None], 1, ())
    names = evidence.pipeline.card.label_names
    if logits.ndim == 1:
        return _class_ids(label_ids, logits, names)
    width = logits.shape[1]
    names = names if len(names) == width else tuple(map(str, range(width)))
    predictions = head_of_width(width).outputs.predictions(logits.astype(np.float64))
    return SingleLabelRows(_whole(label_ids), predictions, logits.astype(np.float64), width, names)


def _class_ids(label_ids: NDArray[Any], predictions: NDArray[Any], names: tuple[str, ...]) -> SingleLabelRows:
    """Use class ids that ``preprocess_logits_for_metrics`` made from the logits."""
    labels, classes = _whole(label_ids), _whole(predictions)
    width = max(len(names), int(labels.max()) + 1, int(classes.max()) + 1, _BINARY)
    return SingleLabelRows(
        labels, classes, None, width, names if len(names) == width else tuple(map(str, range(width)))
    )


def _whole(values: NDArray[Any]) -> NDArray[np.int64]:
    if not np.array_equal(values, np.trunc(values)):
        msg = f"it needs class ids; the evaluation gave values such as {values[values != np.trunc(values)][0]}"
        raise NotApplicable(msg)
    return values.astype(np.int64)


def judged(evidence: Evidence) -> SingleLabelRows:
    """Return the evaluated rows that have a label; raises like `evaluated`, and ReportedBy if there are none."""
    rows = evaluated(evidence)
    labelled = rows.take(rows.has_label)
    if not len(labelled):
        raise ReportedBy(check="metrics.evaluated_rows", reason="no evaluated row has a label")
    return labelled


def in_shape(evidence: Evidence) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return logits and label ids of a run of any head, in the shapes that the head requires.

    Raises:
        NotApplicable: the shapes differ, which checks of the outputs report.
        CheckFailure: the run failed.

    """
    run, card = evidence.run, evidence.pipeline.card
    shapes = card.head_rules.outputs.shapes(len(evidence.pipeline.eval_dataset), card.num_labels)
    for name, outputs, reporting_test in (
        ("logits", run.logits, "model.logits_shape"),
        ("labels", run.label_ids, "model.label_ids"),
    ):
        if not has_shape(outputs, shapes[name]):
            raise ReportedBy(check=reporting_test, reason=f"{name} of shape {outputs.shape}, expected {shapes[name]}")
    return run.logits, run.label_ids


def with_logits(rows: SingleLabelRows) -> NDArray[np.float64]:
    """Return the logits ``[N, K]``.

    Raises:
        NotApplicable: the evaluation returned only class ids.

    """
    if rows.logits is None:
        raise NotApplicable(NO_LOGITS)
    return rows.logits


def confusion(rows: SingleLabelRows) -> NDArray[np.int64]:
    """Count labels (rows) by predictions (columns), ``[K, K]``; rows without a prediction do not count."""
    table = np.zeros((rows.num_labels, rows.num_labels), dtype=np.int64)
    predicted = rows.predictions >= 0
    np.add.at(table, (rows.labels[predicted], rows.predictions[predicted]), 1)
    return table


def chance_of_hits(rows: SingleLabelRows) -> float:
    """Return the probability of at least as many right predictions if they are assigned to the rows at random.

    Exact for two classes (Fisher), else by the normal distribution with the exact mean and variance.
    """
    table = confusion(rows).astype(np.float64)
    total, labels, predictions = len(rows), table.sum(axis=1), table.sum(axis=0)
    hits = float(np.trace(table))
    if rows.num_labels == _BINARY and table.sum() == total:
        return float(stats.hypergeom.sf(table[1, 1] - 1, total, int(labels[1]), int(predictions[1])))
    mean = float(labels @ predictions) / total
    # Variance of the sum of the cells of a matrix that a random permutation selects, summed class by class.
    deviation = np.eye(len(table)) - predictions[:, None] / total - labels[None, :] / total + mean / total
    variance = float((labels[:, None] * predictions[None, :] * deviation**2).sum()) / max(total - 1, 1)
    return float(stats.norm.sf((hits - mean - 0.5) / np.sqrt(variance))) if variance > 0 else 1.0


def ranking(rows: SingleLabelRows) -> tuple[float, float]:
    """Return how well the logits rank the rows of a rarer class before all others, for the best ranked class.

    Returns:
        The area under the ROC curve, and its p-value; without logits 0.5 and 1.

    """
    if rows.logits is None or not np.isfinite(rows.logits).all():
        return 0.5, 1.0
    counts = np.bincount(rows.labels, minlength=rows.num_labels)
    rarer = [index for index in range(rows.num_labels) if counts[index] and index != counts.argmax()]
    found = [(1.0, 0.5)]
    for index in rarer:
        margin = rows.logits[:, index] - np.delete(rows.logits, index, axis=1).max(axis=1)
        of_class = rows.labels == index
        test = stats.mannwhitneyu(margin[of_class], margin[~of_class], alternative="greater")
        pairs = int(of_class.sum()) * int((~of_class).sum())
        found.append((min(1.0, float(test.pvalue) * len(rarer)), float(test.statistic) / pairs))
    chance, area = min(found)
    return area, chance


def correlation(rows: SingleLabelRows) -> tuple[float, float]:
    """Return the linear correlation of values and labels, and its p-value; 0 and 1 if values or labels are constant.

    The p-value is one-sided: the probability of a correlation at least as high.
    """
    spreads = (np.ptp(rows.predictions), np.ptp(rows.labels))
    if not np.isfinite(rows.predictions).all() or min(spreads) == 0 or len(rows) <= _BINARY:
        return 0.0, 1.0
    test = stats.pearsonr(rows.predictions, rows.labels, alternative="greater")
    return float(test.statistic), float(test.pvalue)
