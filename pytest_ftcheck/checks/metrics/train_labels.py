"""Checks whether train labels are as right as evaluation labels. Shapes: N and M rows, K classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding, warning
from pytest_ftcheck.checks.data.presence import content_of, presence
from pytest_ftcheck.checks.data.splits import filled, splits
from pytest_ftcheck.checks.metrics.rows import judged
from pytest_ftcheck.checks.model.logits import affordable, logits_of_rows, trained_model
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.data.splits import Split
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_ROWS = 2000
_FOLDS = 3
_BETTER = 0.15
"""How much better than chance a model must be to judge labels."""
_FEWEST = 5
"""Number of rows of a class below which its fraction of right predictions is not known."""


@dataclass(frozen=True)
class Agreement:
    """How often predictions agree with the labels of each split, and who predicts."""

    by: str
    train: float
    """Fraction of the train rows that agree, each class weighted as in the evaluation."""
    evaluation: float
    deviation: float
    """Standard deviation of the difference of both fractions."""
    chance: float
    """Fraction of train labels that would agree if they were assigned at random."""

    @property
    def gap(self) -> float:
        """How much less often train labels agree."""
        return self.evaluation - self.train

    def noise(self, deviations: float) -> float:
        """Return the fraction of randomly assigned train labels, ``deviations`` below the best estimate."""
        wrong = (self.gap + deviations * self.deviation) / max(self.evaluation - self.chance, 1e-9)
        return float(np.clip(wrong, 0, 1))


@check(
    "metrics.train_labels",
    cost="run",
    needs=(CLASSES, LABEL_PER_ROW),
    # Fraction of wrong train labels, the lower end of its interval; required number of standard deviations.
    thresholds={"fail": 0.1, "warn": 0.03, "deviations": 3.8},
    false_alarms=1.5e-4,
    catches="train labels that are partly shuffled, joined to other rows, or made by a poor annotator",
    hint="look at a few train rows that the model contradicts, and at every step that sorts, joins or filters rows "
    "separately from their labels.",
)
def train_labels(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Train labels agree with predictions about as often as evaluation labels do.

    Predictions on train rows should agree at least as well. If train labels agree less often, by more than
    ``deviations`` standard deviations, a part of them is wrong, or the train rows differ from the evaluation rows. The
    predictions are those of the trained model, and of a cross-validated linear model of the tokens, because a network
    may memorise wrong labels. Classes are weighted as in the evaluation. The estimate assumes that wrong labels are
    random; the method follows confident learning (Northcutt, Jiang and Chuang, 2021, doi:10.1613/jair.1.12125).

    Assumes: train and evaluation rows are of one kind, except for their labels.

    Unusual but healthy: labels made by rules or by users' clicks, and train rows that are harder on purpose, warn, and
    fail if a tenth of the labels seems wrong.

    False alarms: at most 1.5e-4 a session (normal distribution at 3.8 ``deviations``, tested twice).
    """
    rows = judged(evidence)
    train = filled(evidence)[0]
    agreements = [_if_applicable(agreement_of, evidence, train) for agreement_of in (_trained, _linear)]
    # A model at chance is worse than chance on held-out rows: its class frequencies are those of the other rows.
    better = [one for one in agreements if one is not None and one.evaluation - one.chance >= _BETTER]
    if not better:
        msg = "neither the trained model nor a linear one is enough better than chance to judge labels"
        raise NotApplicable(msg)
    worst = max(better, key=lambda agreement: agreement.gap / agreement.deviation)
    low, high = sorted((worst.noise(-1.96), worst.noise(1.96)))
    if low < thresholds["warn"] or worst.gap < thresholds["deviations"] * worst.deviation:
        return []
    expected = f"train labels that agree with {worst.by} as the evaluation's do, in {worst.evaluation:.1%} of the rows"
    observed = (
        f"{worst.train:.1%} agree: about {worst.noise(0):.0%} of the train labels are wrong, if wrong labels are "
        f"random ({low:.0%} to {high:.0%}, {len(rows)} evaluated rows)"
    )
    if low >= thresholds["fail"]:
        return [finding(expected, observed)]
    expected += f" (at least {thresholds['fail']:.0%} of wrong labels fail)"
    return [warning(expected, observed, share=worst.noise(0))]


def _if_applicable(
    agreement_of: Callable[[Evidence, Split], Agreement | None], evidence: Evidence, train: Split
) -> Agreement | None:
    try:
        return agreement_of(evidence, train)
    except NotApplicable:
        return None


def _trained(evidence: Evidence, train: Split) -> Agreement | None:
    """Compare the predictions of the saved model with the labels of some train rows."""
    rows, indices = judged(evidence), train.few(affordable(evidence, 512, 96))
    labels = _labels(evidence, train, indices)
    logits = logits_of_rows(evidence, trained_model(evidence), evidence.features(train.rows, indices))
    predicted = logits.argmax(dim=-1).numpy()
    return agreement("the trained model", (labels, predicted), (rows.labels, rows.predictions), rows.num_labels)


def _linear(evidence: Evidence, train: Split) -> Agreement | None:
    """Compare the predictions of cross-validated logistic regressions of the tokens with some train labels."""
    evaluated = splits(evidence)[1]
    texts = [content_of(evidence, split, _ROWS) for split in (train, evaluated)]
    labels = [_labels(evidence, split, split.few(_ROWS)) for split in (train, evaluated)]
    width = 1 + max((token for row in texts[0] for token in row), default=0)
    inputs = [presence(rows, width) for rows in texts]
    if np.unique(labels[0], return_counts=True)[1].min() < _FOLDS:
        return None
    held_out = np.zeros_like(labels[0])
    evaluation = None
    for fitted, left in StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(inputs[0], labels[0]):
        model = LogisticRegression(max_iter=200).fit(inputs[0][fitted], labels[0][fitted])
        held_out[left] = model.predict(inputs[0][left])
        if evaluation is None:  # use a model of the same number of rows as for the train rows
            evaluation = (labels[1], model.predict(inputs[1]))
    assert evaluation is not None  # noqa: S101 - for the type checker: there are folds
    by = "a linear model of the tokens"
    return agreement(by, (labels[0], held_out), evaluation, evidence.pipeline.card.num_labels)


def _labels(evidence: Evidence, split: Split, indices: list[int]) -> NDArray[np.int64]:
    values = split.values(evidence.pipeline.label_column, indices)
    if any(isinstance(value, bool) or not isinstance(value, (int, np.integer)) for value in values):
        msg = f"the labels of {split.name} are no class ids"
        raise NotApplicable(msg)
    return np.array(values, np.int64)


def agreement(
    by: str,
    train: tuple[NDArray[np.int64], NDArray[np.int64]],
    evaluation: tuple[NDArray[np.int64], NDArray[np.int64]],
    classes: int,
) -> Agreement | None:
    """Compare how often predictions agree with labels in two sets of rows.

    Args:
        by: name of the model that predicts.
        train: labels and predictions, ``[N]`` each.
        evaluation: labels and predictions, ``[M]`` each.
        classes: K.

    Returns:
        The agreement; None if no class has enough rows in both.

    """
    rates, variances, shares = [], [], []
    for name in range(classes):
        right = [predicted[labels == name] == name for labels, predicted in (train, evaluation)]
        if min(map(len, right)) < _FEWEST:
            continue
        rates.append([float(part.mean()) for part in right])
        # Add one right and one wrong row, so that no rate has a variance of 0.
        smooth = [(part.sum() + 1) / (len(part) + 2) for part in right]
        variances.append(sum(p * (1 - p) / len(part) for p, part in zip(smooth, right, strict=True)))
        shares.append(len(right[1]))
    if not shares:
        return None
    weights = np.array(shares) / sum(shares)
    means = weights @ np.array(rates)
    dealt = [np.bincount(part[(part >= 0) & (part < classes)], minlength=classes) / len(part) for part in train]
    deviation = float(np.sqrt((weights**2) @ np.array(variances)))
    return Agreement(by, float(means[0]), float(means[1]), deviation, float(dealt[0] @ dealt[1]))
