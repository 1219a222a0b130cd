"""Checks of predictions of any number of labels: each column predicts its own label, better than a constant.

Shapes: N evaluated rows, K labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, stats

from pytest_ftcheck.checks.catalogue import NotApplicable, ReportedBy, check, finding, warning
from pytest_ftcheck.gates.row_metrics import resolve_metric, row_metric
from pytest_ftcheck.gates.trivial import best_trivial, trivial_classifiers
from pytest_ftcheck.heads.row_metrics import metric_value
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.heads.traits import LABEL_SETS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

    Floats = NDArray[np.float64]

_IS_LABEL = 0.5
"""Fraction of votes above which a row has a label."""
_SHOWN = 5
_DEALS = 200
"""Number of random permutations of the rows of labels."""
_AS_GOOD = 1e-4
_SOUND_AREA = 0.75
"""Area under the ROC curve of a label that a healthy model reaches."""
_WEAK = 0.1
"""Distance of the mean area of a weak but healthy model from one half."""
_OWN = 3.0
"""Standard deviations from chance below which a column does not rank its own label."""


@dataclass(frozen=True)
class RankedLabels:
    """How well each column of logits ranks the rows of each label before the others."""

    labels: NDArray[np.bool_]
    """``[N, K]``."""
    logits: Floats
    """``[N, K]``."""
    names: tuple[str, ...]

    @property
    def positives(self) -> NDArray[np.int64]:
        """Rows with each label, ``[K]``."""
        return np.asarray(self.labels.sum(axis=0))

    def known(self, rows: float) -> NDArray[np.bool_]:
        """Labels that at least ``rows`` rows have, and at least ``rows`` rows lack, ``[K]``."""
        return (self.positives >= rows) & (len(self.labels) - self.positives >= rows)

    def areas(self, labels: NDArray[np.bool_] | None = None) -> Floats:
        """Return areas under the ROC curve, columns by labels: ``[K, K]``; NaN for a label of all rows or none."""
        wanted = (self.labels if labels is None else labels).astype(np.float64)
        ranks = stats.rankdata(self.logits, axis=0)
        having = wanted.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((ranks.T @ wanted - having * (having + 1) / 2) / (having * (len(wanted) - having)))

    def deviations(self) -> Floats:
        """Return the standard deviation of each label's area by chance, ``[K]``."""
        having = self.positives.astype(np.float64)
        with np.errstate(divide="ignore"):
            return np.asarray(np.sqrt((len(self.labels) + 1) / (12 * having * (len(self.labels) - having))))


def ranked_labels(evidence: Evidence) -> RankedLabels:
    """Read labels and logits of every evaluated row from the run.

    Raises:
        ReportedBy: labels or logits are not finite numbers of shape ``[N, K]``.

    """
    run, width = evidence.run, evidence.pipeline.card.num_labels
    labels, logits = np.asarray(run.label_ids), np.asarray(run.logits, np.float64)
    if logits.shape != labels.shape or logits.ndim != len((0, width)) or logits.shape[1] != width:
        reason = f"the evaluation gave logits {logits.shape} for labels {labels.shape}"
        raise ReportedBy(check="model.logits_shape", reason=reason)
    if not np.isfinite(logits).all():
        raise ReportedBy(check="model.finite", reason="a logit is not a finite number")
    return RankedLabels(labels > _IS_LABEL, logits, evidence.pipeline.card.label_names)


@check(
    "metrics.label_columns",
    cost="run",
    needs=(LABEL_SETS,),
    thresholds={"alpha": 1e-4, "rows": 10},
    false_alarms=1e-4,
    catches="columns of the label vectors that are in another order in the evaluation than in train or in id2label",
    hint="make the vectors of both splits from one list of names: MultiLabelBinarizer sorts the classes it was fitted "
    "on, and get_dummies takes the classes of one split.",
)
def label_columns(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """No column of logits ranks the rows of another label well while that label's own column does not.

    The check finds the best assignment of columns to labels. A cycle of it fails if at least two of its labels, with
    ``rows`` rows each, are ranked by the other column with a p-value below ``alpha`` divided by the number of pairs,
    and by their own column within three standard deviations of chance, or worse.

    Assumes: column k of the logits is label k.

    Unusual but healthy: labels that occur together are ranked by each other's columns, but also by their own: they
    pass.

    False alarms: at most 1e-4 a session: two columns that learned nothing about their labels would have to rank each
    other's labels by chance.
    """
    ranked = ranked_labels(evidence)
    known = np.flatnonzero(ranked.known(thresholds["rows"]))
    if len(known) < len(("one", "another")):
        raise NotApplicable(_TOO_FEW.format(rows=int(thresholds["rows"])))
    above = (ranked.areas()[np.ix_(known, known)] - 0.5) / ranked.deviations()[known]
    columns, labels = optimize.linear_sum_assignment(above, maximize=True)
    critical = stats.norm.isf(thresholds["alpha"] / len(known) ** 2)
    moved = sorted(
        (int(known[label]), int(known[column]))
        for column, label in zip(columns, labels, strict=True)
        if column != label and above[label, label] < _OWN and above[column, label] > critical
    )
    if len(moved) < len(("one", "another")):
        return []
    areas, names = ranked.areas(), ranked.names
    described = [
        f"{names[label]!r} by the column of {names[column]!r} (area under the ROC curve {areas[column, label]:.2f}; by "
        f"its own {areas[label, label]:.2f})"
        for label, column in moved[:_SHOWN]
    ]
    more = f", and {len(moved) - _SHOWN} more" if len(moved) > _SHOWN else ""
    return [finding("each label ranked by its own column", f"{', '.join(described)}{more}")]


@check(
    "metrics.labels_answered",
    cost="run",
    needs=(LABEL_SETS,),
    thresholds={"rows": 10, "doubt": 1e-3},
    false_alarms=1e-3,
    catches="a label that is predicted for no row or for every row: a column that was zeroed in training, a collapsed "
    "head, a class weight that suppresses it",
    hint="look at how often train has the label, at pos_weight, and at the label's column in the train rows.",
)
def labels_answered(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Every label is predicted for some rows and not for others, or its rows are at least ranked.

    If a label with at least ``rows`` rows is predicted for no row or for every row, its logits must rank the rows like
    those of a healthy model (area under the ROC curve 0.75); the check fails if the p-value of a lower area is below
    ``doubt`` for all labels together. Equal logits rank nothing. A label that is ranked and never predicted only warns.
    With 28 labels, the check detects a label of 40 of 400 rows whose logits are noise with a probability of 0.97, and a
    label of 10 rows with 0.16.

    Assumes: a model can learn a label that enough rows have.

    Unusual but healthy: a rare label is often ranked and never predicted: a warning names it.

    False alarms: at most 1e-3 a session, for labels whose true area is 0.75.
    """
    ranked = ranked_labels(evidence)
    given, known = ranked.logits > 0, ranked.known(thresholds["rows"])
    if not known.any():
        raise NotApplicable(_TOO_FEW.format(rows=int(thresholds["rows"])))
    constant = [int(label) for label in np.flatnonzero(known & (given.all(axis=0) | ~given.any(axis=0)))]
    areas = np.diagonal(ranked.areas())
    lost = [label for label in constant if _is_lost(ranked, label, float(areas[label]), thresholds["doubt"])]
    found = []
    if lost:
        expected = "labels that are predicted for some rows, or at least ranked"
        found.append(finding(expected, _described(ranked, given, areas, lost)))
    if rare := [label for label in constant if label not in lost]:
        expected = "labels that are predicted for some rows (a label whose logits rank no rows fails)"
        found.append(warning(expected, _described(ranked, given, areas, rare), share=len(rare) / len(areas)))
    return found


def _is_lost(ranked: RankedLabels, label: int, area: float, doubt: float) -> bool:
    """Return whether logits rank a label's rows worse than those of a healthy model, by more than chance."""
    if np.ptp(ranked.logits[:, label]) <= _AS_GOOD:
        return True
    having = int(ranked.positives[label])
    others = len(ranked.labels) - having
    # Hanley and McNeil 1982: the variance of an area, with theirs for exponential scores.
    both, pair = _SOUND_AREA / (2 - _SOUND_AREA), 2 * _SOUND_AREA**2 / (1 + _SOUND_AREA)
    square = _SOUND_AREA**2
    variance = (_SOUND_AREA - square + (having - 1) * (both - square) + (others - 1) * (pair - square)) / (
        having * others
    )
    return bool(stats.norm.cdf((area - _SOUND_AREA) / np.sqrt(variance)) < doubt / len(ranked.names))


def _described(ranked: RankedLabels, given: NDArray[np.bool_], areas: Floats, labels: list[int]) -> str:
    described = [
        f"{ranked.names[label]!r} is given to {'every' if given[0, label] else 'no'} row, {ranked.positives[label]} of "
        f"{len(given)} have it, area under the ROC curve {areas[label]:.2f}"
        for label in labels[:_SHOWN]
    ]
    return "; ".join(described) + (f"; and {len(labels) - _SHOWN} more labels" if len(labels) > _SHOWN else "")


@check(
    "metrics.beats_label_sets",
    cost="run",
    needs=(LABEL_SETS,),
    thresholds={"alpha": 0.01, "doubt": 5e-4, "rows": 10},
    false_alarms=2e-3,
    catches="a model that learned nothing from its inputs: shuffled labels, frozen or lost weights",
    hint="the training does not help on these rows: look for labels that do not belong to their rows, inputs that "
    "the model does not get and frozen parameters; check the learning rate.",
)
def beats_label_sets(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The model ranks rows better than chance, and is better than predicting the same labels for every row.

    The mean area under the ROC curve of the labels with ``rows`` rows is above that of randomly permuted labels
    (``alpha``), and one of its metrics, or its average precision, above that of the best constant set.

    Assumes: the model is meant to learn more than the frequencies of the labels.

    Unusual but healthy: a weak model on few rows, with a mean area of 0.6, is skipped as inconclusive.

    False alarms: at most 2e-3 for a model whose true mean area is 0.6.
    """
    ranked, rows = ranked_labels(evidence), EvaluatedRows.of_run(evidence.run)
    known = ranked.known(thresholds["rows"])
    if not known.any():
        raise NotApplicable(_TOO_FEW.format(rows=int(thresholds["rows"])))
    generator = np.random.default_rng(0)
    dealt = [
        float(np.diagonal(ranked.areas(ranked.labels[generator.permutation(len(rows))]))[known].mean())
        for _ in range(_DEALS)
    ]
    area, spread = float(np.diagonal(ranked.areas())[known].mean()), max(float(np.std(dealt)), _AS_GOOD)
    if not stats.norm.sf((area - 0.5) / spread) < thresholds["alpha"]:
        if stats.norm.cdf((area - 0.5 - _WEAK) / spread) >= thresholds["doubt"]:
            msg = f"{len(rows)} rows are too few to tell a weak model from chance: a mean area under the ROC curve of "
            msg += f"{area:.3f}, by chance 0.5 give or take {spread:.3f}"
            raise NotApplicable(msg)
        observed = f"a mean area under the ROC curve of {area:.3f}; by chance 0.5 give or take {spread:.3f}"
        return [finding("rows of each label ranked before the others", observed)]
    trivial = _against_trivial(evidence, rows)
    if not trivial or any(own > best + _AS_GOOD for own, best, _ in trivial.values()):
        return []
    expected = "; ".join(f"{key} above {best:.4f} ({who})" for key, (_, best, who) in trivial.items())
    observed = "; ".join(f"{key} {own:.4f}" for key, (own, _, _) in trivial.items())
    return [finding(f"better than the same labels for every row: {expected}", observed)]


def _against_trivial(evidence: Evidence, rows: EvaluatedRows) -> dict[str, tuple[float, float, str]]:
    """Return, by metric, the model's value, the value of the best constant set, and the name of that set."""
    card = evidence.pipeline.card
    reported = {key: resolve_metric(key, rows, value) for key, value in evidence.run.metrics.items() if key != "loss"}
    found = {}
    for name in dict.fromkeys([*filter(None, reported.values()), "average_precision"]):
        metric = row_metric(name, rows)
        best = best_trivial(
            trivial_classifiers(
                name,
                rows.label_ids,
                head=card.head_rules,
                label_names=card.label_names,
                train_label_ids=evidence.label_array(evidence.pipeline.train_dataset),
            ),
            greater_is_better=True,
        )
        if metric is not None and best is not None:
            found[name] = (metric_value(metric), best.value, best.name)
    return found


_TOO_FEW = "no label, or one alone, has {rows} evaluated rows with it and as many without"
