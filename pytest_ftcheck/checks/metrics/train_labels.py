"""Checks whether the labels that were trained on are as right as those that are evaluated. Shapes: N and M rows, K classes."""

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
"""How much better than chance a model must be in order to tell anything about labels."""
_FEWEST = 5
"""Rows of a class below which its share of right predictions is not known."""


@dataclass(frozen=True)
class Agreement:
    """How often predictions agree with the labels of each split, and by what."""

    by: str
    train: float
    """Share of the train rows, each class weighed as in the evaluation."""
    evaluation: float
    deviation: float
    """Standard deviation of their difference."""
    chance: float
    """Share of train labels that would agree, were they dealt out at random."""

    @property
    def gap(self) -> float:
        """How much less often train labels agree."""
        return self.evaluation - self.train

    def noise(self, deviations: float) -> float:
        """Return the share of train labels that are dealt out at random, so many deviations off the best estimate."""
        wrong = (self.gap + deviations * self.deviation) / max(self.evaluation - self.chance, 1e-9)
        return float(np.clip(wrong, 0, 1))


@check(
    "metrics.train_labels",
    cost="run",
    needs=(CLASSES, LABEL_PER_ROW),
    # Share of wrong train labels, the lower end of its interval; how sure it must be that there are any.
    thresholds={"fail": 0.1, "warn": 0.03, "deviations": 3.8},
    false_alarms=1.5e-4,
    catches="train labels that are partly shuffled, joined to other rows, or made by a poor annotator",
    hint="look at a few train rows that the model contradicts, and at every step that sorts, joins or filters rows "
    "or labels apart from each other.",
)
def train_labels(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Train labels agree with what was learned about as often as those of the evaluation do.

    What was trained on can only be known better. Where train labels agree less often, by more
    ``deviations`` than chance makes, they are wrong in part, or the train rows are others. Asked are the trained model,
    and a linear model of the tokens whose predictions are cross-validated, since a network may learn wrong labels by
    heart. Classes are weighed as in the evaluation. The estimate of wrong labels takes them as dealt out at random; the
    idea is that of confident learning (Northcutt, Jiang and Chuang, 2021, doi:10.1613/jair.1.12125).

    Assumes: train and evaluation rows are of one kind, but for their labels.

    Unusual but healthy: labels made by rules or by users' clicks, train rows that are harder on purpose: they warn, and
    fail where a tenth of the labels seems wrong.

    False alarms: at most 1.5e-4 a session (normal distribution at 3.8 ``deviations``, asked twice).
    """
    rows = judged(evidence)
    train = filled(evidence)[0]
    asked = [_asked(ask, evidence, train) for ask in (_trained, _linear)]
    # At chance, a model is worse than chance on what was held out: its share of the classes is that of the others.
    told = [one for one in asked if one is not None and one.evaluation - one.chance >= _BETTER]
    if not told:
        msg = "neither the trained model nor a linear one is so much better than chance that it could tell"
        raise NotApplicable(msg)
    worst = max(told, key=lambda agreement: agreement.gap / agreement.deviation)
    low, high = sorted((worst.noise(-1.96), worst.noise(1.96)))
    if low < thresholds["warn"] or worst.gap < thresholds["deviations"] * worst.deviation:
        return []
    expected = f"train labels that agree with {worst.by} as the evaluation's do, in {worst.evaluation:.1%} of the rows"
    observed = (
        f"{worst.train:.1%} agree: about {worst.noise(0):.0%} of the train labels are wrong, if they are dealt out at "
        f"random ({low:.0%} to {high:.0%}, {len(rows)} evaluated rows)"
    )
    if low >= thresholds["fail"]:
        return [finding(expected, observed)]
    expected += f" (at least {thresholds['fail']:.0%} of wrong labels fail)"
    return [warning(expected, observed, share=worst.noise(0))]


def _asked(ask: Callable[[Evidence, Split], Agreement | None], evidence: Evidence, train: Split) -> Agreement | None:
    try:
        return ask(evidence, train)
    except NotApplicable:
        return None


def _trained(evidence: Evidence, train: Split) -> Agreement | None:
    """Ask the model that the run saved about some train rows."""
    rows, indices = judged(evidence), train.few(affordable(evidence, 512, 96))
    labels = _labels(evidence, train, indices)
    logits = logits_of_rows(evidence, trained_model(evidence), evidence.features(train.rows, indices))
    predicted = logits.argmax(dim=-1).numpy()
    return agreement("the trained model", (labels, predicted), (rows.labels, rows.predictions), rows.num_labels)


def _linear(evidence: Evidence, train: Split) -> Agreement | None:
    """Ask logistic regressions over the tokens of some train rows, each about rows that it was not fitted on."""
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
        if evaluation is None:  # by a model of as many rows as those that judge train rows
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
        by: whose predictions they are.
        train: labels and predictions, ``[N]`` each.
        evaluation: labels and predictions, ``[M]`` each.
        classes: K.

    Returns:
        The agreement; None where no class has rows enough in both.

    """
    rates, variances, shares = [], [], []
    for name in range(classes):
        right = [predicted[labels == name] == name for labels, predicted in (train, evaluation)]
        if min(map(len, right)) < _FEWEST:
            continue
        rates.append([float(part.mean()) for part in right])
        # One more right and one more wrong one, so that no rate is without doubt.
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
