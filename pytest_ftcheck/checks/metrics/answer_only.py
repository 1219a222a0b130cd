"""Checks whether the right ending can be found without the context. Shapes: N rows, C choices, V tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding, warning
from pytest_ftcheck.checks.data.choices import shared_start
from pytest_ftcheck.checks.data.presence import presence
from pytest_ftcheck.checks.data.splits import filled, label_values, require_column, share
from pytest_ftcheck.checks.metrics.rows import judged
from pytest_ftcheck.heads.traits import CHOICES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_ftcheck.checks.data.splits import Split
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_ROWS = 2000
_FEWEST = 100
"""Number of rows of a split below which a rule of few tokens is not judged."""
_BETTER = 0.1
"""Smallest distance of the model's accuracy from chance at which it can be compared."""


@check(
    "metrics.answer_only",
    cost="run",
    needs=(CHOICES,),
    # Fractions of the model's accuracy above chance.
    thresholds={"fail": 0.95, "warn": 0.6},
    catches="a right ending that is recognised by its own words, by its length, or by its similarity to the others",
    hint="the metric hardly measures whether the context is read: make the wrong endings in the same way as the right "
    "ones, with equal length and style, and do not derive them from the right one.",
)
def answer_only(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """A linear model that sees the endings without their context is far from the trained model's accuracy.

    It is fitted on the train rows. Its features are the tokens of each choice without the common beginning and end of
    all choices, which choice is the longest and the shortest, and how much each has in common with the others.

    Assumes: the context is needed.

    Unusual but healthy: data with known artefacts, such as SWAG and HellaSwag, warns from ``warn`` on.

    False alarms: none by chance. A rule that was fitted on train is applied once to other rows.
    """
    both, run = filled(evidence), judged(evidence)
    if len(both) != 2 or min(len(split.rows) for split in both) < _FEWEST:  # train and evaluation
        msg = f"fewer than {_FEWEST} rows in a split: too few to judge a rule of few tokens"
        raise NotApplicable(msg)
    chance = 1 / evidence.pipeline.card.num_labels
    accuracy = float((run.predictions == run.labels).mean())
    if accuracy - chance < _BETTER:
        msg = f"the model's accuracy of {accuracy:.2f} is no better than chance ({chance:.2f}): nothing to compare with"
        raise NotApplicable(msg)
    rows = [_choices(split) for split in both]
    labels = [_labels(evidence, split) for split in both]
    width = 1 + max((token for row in rows[0] for choice in row for token in choice), default=0)
    flat = np.concatenate([np.arange(len(row)) == label for row, label in zip(rows[0], labels[0], strict=True)])
    model = LogisticRegression(max_iter=500, class_weight="balanced").fit(_features(rows[0], width), flat)
    scores, right = iter(model.decision_function(_features(rows[1], width))), 0
    for row, label in zip(rows[1], labels[1], strict=True):
        right += int(np.argmax([next(scores) for _ in row])) == label
    lift = (right / len(rows[1]) - chance) / (accuracy - chance)
    observed = (
        f"{share(right, len(rows[1]))} evaluation rows are right by their endings alone, {accuracy:.1%} by the model"
    )
    if lift >= thresholds["fail"]:
        return [finding(f"more than chance ({chance:.1%}) only with the context", observed)]
    if lift >= thresholds["warn"]:
        expected = (
            f"less than {thresholds['warn']:.0%} of the model's accuracy above chance ({chance:.1%}) without the "
        )
        expected += f"context (fails from {thresholds['fail']:.0%} on)"
        return [warning(expected, observed, share=lift)]
    return []


def _labels(evidence: Evidence, split: Split) -> list[int]:
    values = label_values(evidence, split)
    return [values[index] for index in split.few(_ROWS)]


def _choices(split: Split) -> list[list[list[int]]]:
    """Return the tokens of each choice without the common beginning and end of its row's choices, ``[N, C]``."""
    require_column(split, "input_ids")
    found = []
    for row in split.values("input_ids", split.few(_ROWS)):
        begin = shared_start(row)
        rest = [choice[begin:] for choice in row]
        end = shared_start([choice[::-1] for choice in rest])
        found.append([choice[: len(choice) - end] for choice in rest])
    return found


def _features(rows: list[list[list[int]]], width: int) -> Any:
    """Return ``[N C, V + 3]``: a choice's tokens, whether it is the longest or shortest, its overlap with others."""
    tokens = presence([choice for row in rows for choice in row], width)
    beside = np.array([line for row in rows for line in _beside(row)], np.float32)
    return hstack([tokens, csr_matrix(beside)]).tocsr()


def _beside(row: list[list[int]]) -> NDArray[np.float64]:
    """Return for each choice whether it is the longest, the shortest, and its mean overlap with the others."""
    lengths = np.array([len(choice) for choice in row])
    sets = [set(choice) for choice in row]
    alike = [
        np.mean([len(own & other) / max(len(own | other), 1) for at, other in enumerate(sets) if at != place])
        for place, own in enumerate(sets)
    ]
    return np.stack([lengths == lengths.max(), lengths == lengths.min(), np.array(alike) - np.mean(alike)], axis=1)
