"""Upper limits of how good a model may be, given its evaluated rows: ends of one-sided confidence intervals.

A model fails only if a healthy model would hardly give such a result; a result that chance explains is not enough.
Shapes: N rows, K classes.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from pytest_ftcheck.checks.metrics.known import agrees, balanced_accuracy, known_values
from pytest_ftcheck.checks.metrics.rows import SingleLabelRows, correlation

_FEWEST = 3
"""Number of rows below which Fisher's transformation is not used."""


SOUND_LIFT, SOUND_AREA, SOUND_CORRELATION = 0.25, 0.7, 0.3
"""Smallest values of a healthy model: lift from chance (0) to perfect (1), area under the ROC curve, correlation."""
_RARE = 0.8
"""Fraction of the most frequent class from which on the others are rare."""
_RESAMPLES = 100


def may_be_healthy(rows: SingleLabelRows, doubt: float) -> bool:
    """Return whether a healthy model gives a result as bad as this one with a probability above ``doubt``."""
    if not rows.regression:
        counts = np.bincount(rows.labels, minlength=rows.num_labels)
        # A model may never predict a rare class, and still rank it.
        ranked = rows.num_labels == 2 or counts.max() >= _RARE * len(rows)  # one against the other
        return lift_up_to(rows, doubt) >= SOUND_LIFT or (ranked and ranking_up_to(rows, doubt) >= SOUND_AREA)
    values = (correlation(rows)[0], correlation(rows.ranked())[0])
    return max(correlation_up_to(value, len(rows), doubt) for value in values) >= SOUND_CORRELATION


def deviation_of(key: str, value: float, rows: SingleLabelRows) -> float:
    """Return the standard error of a metric of a known name at this value, by drawing rows again; else 0."""
    matching = [how for how, known in known_values(key, rows).items() if agrees(value, known, 1e-2)]
    if not matching:
        return 0.0
    generator, drawn = np.random.default_rng(0), []
    for _ in range(_RESAMPLES):
        chosen = generator.integers(len(rows), size=len(rows))
        some = SingleLabelRows(rows.labels[chosen], rows.predictions[chosen], None, rows.num_labels, rows.names)
        drawn.append(known_values(key, some).get(matching[0], math.nan))
    spread = float(np.nanstd(drawn)) if np.isfinite(drawn).any() else 0.0
    return spread * (100.0 if abs(value) > 1 and max(map(abs, drawn)) <= 1 else 1.0)


def lift_of(rows: SingleLabelRows) -> float:
    """Return the lift: the balanced accuracy on the scale from chance (0) to perfect (1)."""
    return (balanced_accuracy(rows) - 1 / rows.num_labels) / (1 - 1 / rows.num_labels)


def lift_up_to(rows: SingleLabelRows, doubt: float) -> float:
    """Return the upper limit of the lift, exceeded with probability ``doubt``."""
    chance = 1 / rows.num_labels
    healthy = chance + SOUND_LIFT * (1 - chance)
    variances, degrees = [], []
    for label in np.unique(rows.labels):
        right = rows.predictions[rows.labels == label] == label
        share = (right.sum() + 1) / (len(right) + 2)  # of a few rows, all or none may be right by chance
        variance = share * (1 - share)
        # With many classes, a healthy model's fraction varies more than that of a model near chance.
        variances.append((max(variance, healthy * (1 - healthy)) if rows.num_labels > 2 else variance) / len(right))
        degrees.append(max(len(right) - 1, 1))
    total, squares = sum(variances), sum(v**2 / degree for v, degree in zip(variances, degrees, strict=True))
    deviation = math.sqrt(total) / len(variances) / (1 - chance)
    # Welch and Satterthwaite: with few rows, the deviation itself is uncertain.
    return lift_of(rows) + float(stats.t.isf(doubt, total**2 / squares)) * deviation


def correlation_up_to(value: float, rows: int, doubt: float) -> float:
    """Return the upper limit of the correlation, exceeded with probability ``doubt``."""
    if rows <= _FEWEST or not math.isfinite(value):
        return 1.0
    return math.tanh(
        math.atanh(min(max(value, -0.999999), 0.999999)) + float(stats.norm.isf(doubt)) / math.sqrt(rows - 3)
    )


def ranking_up_to(rows: SingleLabelRows, doubt: float) -> float:
    """Return the upper limit of the area under the ROC curve of the best ranked rarer class; 0 without logits.

    The standard error is Hanley and McNeil's, at the area itself.
    """
    if rows.logits is None or not np.isfinite(rows.logits).all():
        return 0.0
    counts = np.bincount(rows.labels, minlength=rows.num_labels)
    highest = 0.0
    for index in (label for label in range(rows.num_labels) if counts[label] and label != counts.argmax()):
        margin = rows.logits[:, index] - np.delete(rows.logits, index, axis=1).max(axis=1)
        of_class = rows.labels == index
        some, others = int(of_class.sum()), int((~of_class).sum())
        area = float(stats.mannwhitneyu(margin[of_class], margin[~of_class]).statistic) / (some * others)
        first, second = area / (2 - area), 2 * area**2 / (1 + area)
        variance = area * (1 - area) + (some - 1) * (first - area**2) + (others - 1) * (second - area**2)
        highest = max(highest, area + float(stats.norm.isf(doubt)) * math.sqrt(max(variance, 0.0) / (some * others)))
    return highest
