"""Checks of predictions for all tasks: they are not constant, and better than chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding
from pytest_ftcheck.checks.metrics.entities import constant_tags, worse_than_trivial
from pytest_ftcheck.checks.metrics.healthy import SOUND_LIFT, lift_of, may_be_healthy, ranking_up_to
from pytest_ftcheck.checks.metrics.known import agrees, known_values, r2
from pytest_ftcheck.checks.metrics.loss import require_plain_loss
from pytest_ftcheck.checks.metrics.rows import chance_of_hits, correlation, judged, ranking
from pytest_ftcheck.checks.metrics.tagged import has_tags
from pytest_ftcheck.heads.traits import LABEL_PER_ITEM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.checks.metrics.rows import SingleLabelRows
    from pytest_ftcheck.findings import Finding

_DEALS = 10
"""Number of sets of random predictions, drawn with the labels' class frequencies, that are averaged."""
_AS_GOOD = 1e-4
_SOUND_AREA = 0.75
"""Area under the ROC curve that a healthy model reaches if a class is rare and only ranked."""


@check(
    "metrics.not_constant",
    cost="run",
    needs=(LABEL_PER_ITEM,),
    thresholds={"share": 0.98, "majority": 0.8, "auc": 0.6, "rows": 10, "spread": 0.02, "doubt": 5e-4},
    false_alarms=1e-3,
    catches="a collapsed model that gives every row the same class or value, whatever its inputs",
    hint="the model learned only the class frequencies, or nothing: look at the learning rate, frozen or missing "
    "parameters, an attention mask of zeros, inputs that are all [UNK], labels that do not belong to their rows.",
)
def not_constant(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Predictions differ from row to row, like the labels.

    No class is predicted for more than a fraction ``share`` of the rows, unless it has ``majority`` of the labels and
    the logits still rank the other rows (``auc``); at least ``rows`` labels must be of other classes. For regression,
    the predictions' standard deviation is at least ``spread`` times that of the labels. Tags of tokens: some entity is
    predicted if ``rows`` are labelled.

    Assumes: predictions vary about as much as labels.

    Unusual but healthy: a rare class may only be ranked; results that a healthy model may have on so few rows are
    skipped.

    False alarms: at most 1e-3 for a healthy model (one-sided intervals of counts and of the area under the ROC curve).
    """
    if has_tags(evidence):
        return constant_tags(evidence, thresholds)
    rows = judged(evidence)
    return _constant_value(rows, thresholds) if rows.regression else _constant_class(rows, thresholds)


def _constant_class(rows: SingleLabelRows, thresholds: Thresholds) -> list[Finding]:
    predicted = np.bincount(rows.predictions[rows.predictions >= 0], minlength=rows.num_labels)
    label_counts = np.bincount(rows.labels, minlength=rows.num_labels)
    top = predicted.argmax()
    if predicted[top] <= thresholds["share"] * len(rows):
        return []
    if not _same_logits(rows):
        _require_others(rows, thresholds)
        if _is_rare_event(rows, thresholds):
            return []
        _require_enough_rare_labels(rows, thresholds)
    table = rows.predicting(np.maximum(rows.predictions, 0))
    mcc = known_values("mcc", table).get("", 0.0)
    spread = "" if rows.logits is None else f", logits spread over {np.ptp(rows.logits, axis=0).max():.2g}"
    return [
        finding(
            f"predictions of several classes: the {len(rows)} labels are {_histogram(label_counts, rows.names)}",
            f"{_histogram(predicted, rows.names)}; MCC {mcc:.3f}{spread}",
        )
    ]


def _same_logits(rows: SingleLabelRows) -> bool:
    return rows.logits is not None and float(np.ptp(rows.logits, axis=0).max()) <= _AS_GOOD


def _require_others(rows: SingleLabelRows, thresholds: Thresholds) -> None:
    """Stop if so few labels differ from the most frequent class that a good model may miss them all."""
    counts = np.bincount(rows.labels, minlength=rows.num_labels)
    others = len(rows) - int(counts.max())
    if others < thresholds["rows"]:
        most = rows.names[counts.argmax()]
        msg = (
            f"only {others} of {len(rows)} labels are of another class than {most}: a good model may miss so few, "
            f"fewer than {thresholds['rows']:g}, by chance"
        )
        raise NotApplicable(msg)


def _is_rare_event(rows: SingleLabelRows, thresholds: Thresholds) -> bool:
    """Return whether nearly all labels are one class, and the logits rank the others although argmax misses them."""
    majority = np.bincount(rows.labels).max() / len(rows)
    area, chance = ranking(rows)
    return bool(majority >= thresholds["majority"] and area >= thresholds["auc"] and chance < 0.01)  # one percent


def _require_enough_rare_labels(rows: SingleLabelRows, thresholds: Thresholds) -> None:
    """Stop if so few labels are of a rare class that a healthy model may rank or predict them like this model.

    Raises:
        NotApplicable: a healthy model gives this result by chance with a probability above ``doubt``.

    """
    counts = np.bincount(rows.labels, minlength=rows.num_labels)
    others = len(rows) - int(counts.max())
    if counts.max() >= thresholds["majority"] * len(rows):
        alike = ranking_up_to(rows, thresholds["doubt"]) >= _SOUND_AREA
    else:  # a healthy model predicts another class for at least a quarter of the number of its rows
        seen = len(rows) - int(np.bincount(rows.predictions[rows.predictions >= 0]).max())
        alike = stats.binom.cdf(seen, others, SOUND_LIFT) >= thresholds["doubt"]
    if alike:
        msg = (
            f"only {others} of {len(rows)} labels are of another class than most: a healthy model may look like that "
            "by chance"
        )
        raise NotApplicable(msg)


def _histogram(counts: NDArray[np.int64], names: tuple[str, ...]) -> str:
    """Describe counts by class, the most frequent first, at most six of them."""
    order = [index for index in np.argsort(-counts, kind="stable") if counts[index]]
    shown = ", ".join(f"{counts[index]} {names[index]}" for index in order[:6])
    return shown + (f" and {len(order) - 6} other classes" if len(order) > 6 else "")


def _constant_value(rows: SingleLabelRows, thresholds: Thresholds) -> list[Finding]:
    spread, of_labels = float(np.std(rows.predictions)), float(np.std(rows.labels))
    if of_labels == 0 or len(rows) < thresholds["rows"]:
        msg = f"the {len(rows)} labels are too few, or all the same: there is nothing to predict"
        raise NotApplicable(msg)
    # Written so that NaN counts as too small.
    if spread >= thresholds["spread"] * of_labels:
        return []
    return [
        finding(
            f"predictions that spread: a standard deviation of at least {thresholds['spread'] * of_labels:.3g}, "
            f"{thresholds['spread']:g} of the labels'",
            f"{spread:.3g}; predictions from {rows.predictions.min():.4g} to {rows.predictions.max():.4g}, labels from "
            f"{rows.labels.min():.4g} to {rows.labels.max():.4g}",
        )
    ]


@check(
    "metrics.beats_trivial",
    cost="run",
    needs=(LABEL_PER_ITEM,),
    thresholds={"alpha": 0.01, "doubt": 2e-3, "lift": 0.2, "rows": 10, "majority": 0.8, "auc": 0.6, "r2": -1.0},
    false_alarms=2e-3,
    catches="a model that learned nothing from its inputs: shuffled labels, frozen or lost weights, a wrong scale",
    hint="the training does not help on these rows: look for labels that do not belong to their rows, inputs that "
    "the model does not get and frozen parameters; check the learning rate, and that both splits have one encoding.",
)
def beats_trivial(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The model is better than every trivial model, by more than noise.

    The number of right predictions is above chance (p-value below ``alpha``). In addition, one of the task's metrics is
    above that of every constant class and of random classes, or the balanced accuracy is at least ``lift`` on the scale
    from chance (0) to perfect (1). Rare classes may be only ranked by the logits (``majority``, ``auc``), and need
    ``rows`` rows. Regression: the correlation is above chance, and r2 at least ``r2``. Tags of tokens: F1 of the
    entities is above that of every constant tag, if ``rows`` entities are labelled.

    Assumes: the model is meant to learn more than the class frequencies.

    Unusual but healthy: a weak model on few rows is skipped as inconclusive; a rare class may only be ranked.

    False alarms: at most 2e-3 for a model with a true lift of 0.25, or a true correlation of 0.3 (one-sided interval).
    A weaker model fails more often.
    """
    if has_tags(evidence):
        return worse_than_trivial(evidence, thresholds)
    rows = judged(evidence)
    perfect = rows.predicting(rows.labels)
    if (correlation(perfect) if rows.regression else (0.0, chance_of_hits(perfect)))[1] >= thresholds["alpha"]:
        msg = f"{len(rows)} rows are too few, or of one label only: even perfect predictions could be chance"
        raise NotApplicable(msg)
    if rows.regression:
        return _uncorrelated(rows, thresholds) or _worse_than_mean(evidence, rows, thresholds)
    if _is_rare_event(rows, thresholds):
        return []
    trivial = _trivial_metrics(evidence, rows)
    chance = chance_of_hits(rows)
    if not chance < thresholds["alpha"]:
        _require_others(rows, thresholds)
        if may_be_healthy(rows, thresholds["doubt"]):
            raise NotApplicable(_TOO_WEAK.format(rows=len(rows)))
        hits = int((rows.labels == rows.predictions).sum())
        observed = f"{hits} of {len(rows)} rows right: by chance as many with probability {chance:.2g}"
        return [finding("more right predictions than the same ones dealt out at random would give", observed)]
    lift = lift_of(rows)
    if not trivial or lift >= thresholds["lift"] or any(own > best + _AS_GOOD for own, best, _ in trivial.values()):
        return []
    if may_be_healthy(rows, thresholds["doubt"]):
        raise NotApplicable(_TOO_WEAK.format(rows=len(rows)))
    expected = "; ".join(f"{key} above {best:.4f} ({who})" for key, (_, best, who) in trivial.items())
    observed = "; ".join(f"{key} {own:.4f}" for key, (own, _, _) in trivial.items())
    return [finding(f"better than trivial models: {expected}", observed)]


_TOO_WEAK = "too weak to tell: on {rows} rows, a model that learned something may look like one that did not"


def _trivial_metrics(evidence: Evidence, rows: SingleLabelRows) -> dict[str, tuple[float, float, str]]:
    """Return for each of the task's metrics its value, and the best trivial model's value and name.

    `pytest_ftcheck.gates.trivial` decides which limits have an effect: it covers metrics whose rows can be drawn again,
    and adds the noise of the rows. Here the metrics are those of scikit-learn with the names that the run reports, and
    both models are scored on the same rows.
    """
    found = {}
    for key, reported in evidence.run.metrics.items():
        matching = [how for how, value in known_values(key, rows).items() if agrees(reported, value, _AS_GOOD)]
        if not matching:
            continue
        how = matching[0]
        options = [
            (known_values(key, rows.predicting(np.full(len(rows), index))).get(how, 0.0), f"always {name}")
            for index, name in enumerate(rows.names)
        ]
        random = np.random.default_rng(0)
        deals = [known_values(key, rows.predicting(random.permutation(rows.labels))) for _ in range(_DEALS)]
        options.append((float(np.mean([deal.get(how, 0.0) for deal in deals])), "at random, by the labels' shares"))
        best, who = max(options)
        found[key] = (known_values(key, rows)[how], best, who)
    return found


def _uncorrelated(rows: SingleLabelRows, thresholds: Thresholds) -> list[Finding]:
    value, chance = correlation(rows)
    # Also compare ranks: one outlier may hide a relation.
    by_rank = correlation(rows.ranked())
    if min(chance, by_rank[1]) < thresholds["alpha"]:
        return []
    if may_be_healthy(rows, thresholds["doubt"]):
        raise NotApplicable(_TOO_WEAK.format(rows=len(rows)))
    return [
        finding(
            f"values that correlate with the labels by more than chance (probability below {thresholds['alpha']:g})",
            f"correlation {value:.3f} on {len(rows)} rows, by chance with probability {chance:.2g}; of ranks "
            f"{by_rank[0]:.3f}",
        )
    ]


def _worse_than_mean(evidence: Evidence, rows: SingleLabelRows, thresholds: Thresholds) -> list[Finding]:
    """Compare with the mean label, if the loss of the training requires values on the labels' scale."""
    try:
        require_plain_loss(evidence)
    except NotApplicable:
        return []
    explained = r2(rows)
    if explained >= thresholds["r2"]:
        return []
    return [
        finding(
            f"values nearer to the labels than their mean, or not much further: r2 of at least {thresholds['r2']:g}",
            f"r2 {explained:.3g}: predictions {rows.predictions.mean():.4g} +- {rows.predictions.std():.3g}, labels "
            f"{rows.labels.mean():.4g} +- {rows.labels.std():.3g}",
            hint="labels of train and evaluation have different scales, or are too large to be reached: normalise both "
            "in the same way, or train longer.",
        )
    ]
