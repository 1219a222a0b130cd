"""Checks whether the endings alone tell which one is right. Shapes: N rows, C choices, V tokens."""

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
"""Rows of a split, below which a rule of few tokens says nothing."""
_BETTER = 0.1
"""Above chance, of a model whose accuracy can be compared with."""


@check(
    "metrics.answer_only",
    cost="run",
    needs=(CHOICES,),
    # Of the model's accuracy above chance.
    thresholds={"fail": 0.95, "warn": 0.6},
    catches="a right ending that is told by its own words, by its length, or by being like the others",
    hint="the metric says little about reading the context: make the wrong endings as the right ones are made, of "
    "equal length and style, and none of them by changing the right one.",
)
def answer_only(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """A linear model that sees the endings without their context is far from the trained model's accuracy.

    It is fitted on the train rows, over the tokens between those that all choices of a row begin and end with, over
    which one is the longest and the shortest, and over how much each has in common with the others.

    Assumes: the context is needed.

    Unusual but healthy: data with known artefacts, as SWAG's and HellaSwag's, warns from ``warn`` on.

    False alarms: none by chance. A rule that was fitted on train is asked once about other rows.
    """
    both, run = filled(evidence), judged(evidence)
    if len(both) != 2 or min(len(split.rows) for split in both) < _FEWEST:  # train and evaluation
        msg = f"fewer than {_FEWEST} rows in a split: a rule of few tokens says nothing"
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
    """Return the tokens of each choice without those that all choices of its row begin or end with, ``[N, C]``."""
    require_column(split, "input_ids")
    found = []
    for row in split.values("input_ids", split.few(_ROWS)):
        begin = shared_start(row)
        rest = [choice[begin:] for choice in row]
        end = shared_start([choice[::-1] for choice in rest])
        found.append([choice[: len(choice) - end] for choice in rest])
    return found


def _features(rows: list[list[list[int]]], width: int) -> Any:
    """Return ``[N C, V + 3]``: which tokens a choice has, whether it is the longest, the shortest, how alike it is."""
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
