"""Checks whether a few tokens, or the length of a text, predict its label: then a model learns only these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.tree import DecisionTreeClassifier

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding, warning
from pytest_ftcheck.checks.data.examples import rows_as_tokens
from pytest_ftcheck.checks.data.presence import content_of, presence, word
from pytest_ftcheck.checks.data.splits import filled, label_values, share
from pytest_ftcheck.findings import EXAMPLES
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_ftcheck.checks.data.splits import Split
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_ROWS = 2000
_FEATURES = 200
_FEWEST = 30
"""Number of rows of a split below which a rule of few tokens is not judged."""
_SHOWN = 4


@check(
    "data.giveaways",
    cost="free",
    needs=(CLASSES, LABEL_PER_ROW),
    # Limits on the scale from 0 (accuracy of the most frequent class) to 1 (all rows right).
    thresholds={"fail": 0.97, "warn": 0.85},
    catches="the label, an id or a template in the text of both splits that gives the answer away",
    hint="remove it from the text before you tokenize: the metric measures only whether the model reads that token. If "
    "the task really depends on this token only, set fail = 2 in the card's thresholds of this check.",
)
def giveaways(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """No single token, position or length predicts the labels.

    A decision tree with one leaf for each class is fitted on train rows, and judged on evaluation rows; for two classes
    it asks one question, such as whether a token is there. Its accuracy is scaled from 0, the fraction of the most
    frequent class, to 1 (Cohen's kappa of a simple rule). In real texts, single words reach 0.1 to 0.5.

    Assumes: a text is more than a keyword.

    Unusual but healthy: a task about one word, such as recognising languages by articles, fails until its limit is
    raised.

    False alarms: none by chance. A rule that was fitted on train is applied once to other rows.
    """
    both = filled(evidence)
    texts = [content_of(evidence, split, _ROWS) for split in both]
    if len(both) != 2 or min(map(len, texts)) < _FEWEST:  # train and evaluation
        msg = f"fewer than {_FEWEST} rows in a split: too few to judge a rule of few tokens"
        raise NotApplicable(msg)
    labels = [_labels(evidence, split) for split in both]
    classes = np.unique(labels[0])
    if len(classes) < 2:  # nothing to tell apart
        msg = "train has one class only: there is nothing to give away"
        raise NotApplicable(msg)
    names = _Features(evidence, texts[0])
    chosen = SelectKBest(chi2, k=min(_FEATURES, names.of(texts[0]).shape[1])).fit(names.of(texts[0]), labels[0])
    tree = DecisionTreeClassifier(max_leaf_nodes=len(classes), random_state=0)
    tree.fit(chosen.transform(names.of(texts[0])), labels[0])
    right = tree.predict(chosen.transform(names.of(texts[1]))) == labels[1]
    majority = float((labels[1] == _most_frequent(labels[0])).mean())
    if majority >= 1:
        return []
    lift = (float(right.mean()) - majority) / (1 - majority)
    if lift < thresholds["warn"]:
        return []
    used = [chosen.get_support(indices=True)[place] for place in tree.tree_.feature if place >= 0]
    features = ", ".join(names.name(feature) for feature in dict.fromkeys(used[:_SHOWN]))
    more = f" and {len(used) - _SHOWN} more" if len(used) > _SHOWN else ""
    observed = f"{share(int(right.sum()), len(right))} evaluation rows are right by {features}{more} alone"
    expected = f"no label that leaks into the text: the text as a whole tells it; the largest class is {majority:.1%}"
    split = both[1]
    rows = np.asarray(split.few(_ROWS))[right]
    # A row of each of the first classes, because one class alone gives nothing away.
    first = np.unique(labels[1][right], return_index=True)[1]
    shown = [
        f"{text}, label {label}"
        for text, label in zip(
            rows_as_tokens(evidence, split, rows[first].tolist()), labels[1][right][first[:EXAMPLES]], strict=True
        )
    ]
    if lift >= thresholds["fail"]:
        return [finding(expected, observed, evidence=shown)]
    return [warning(expected, observed, share=float(right.mean()), evidence=shown)]


def _labels(evidence: Evidence, split: Split) -> NDArray[np.int64]:
    values = label_values(evidence, split)
    chosen = [values[index] for index in split.few(_ROWS)]
    if any(isinstance(value, bool) or not isinstance(value, (int, np.integer)) for value in chosen):
        msg = f"the labels of {split.name} are no class ids"
        raise NotApplicable(msg)
    return np.array(chosen, np.int64)


def _most_frequent(labels: NDArray[np.int64]) -> int:
    values, counts = np.unique(labels, return_counts=True)
    return int(values[counts.argmax()])


class _Features:
    """Features of a text that a rule may use: its tokens, its first and last token, and its length."""

    def __init__(self, evidence: Evidence, train: Sequence[Sequence[int]]) -> None:
        self._evidence = evidence
        self._width = 1 + max((token for row in train for token in row), default=0)
        self._lengths = np.unique(np.quantile([len(row) for row in train], np.linspace(0.05, 0.95, 10)))

    def of(self, rows: Sequence[Sequence[int]]) -> csr_matrix:
        """Return ``[N, 3 V + L]`` of 0 and 1: the token is there, is first, is last; the text is longer than."""
        ends: list[Any] = [presence([list(row[place]) for row in rows], self._width) for place in (_FIRST, _LAST)]
        lengths = np.array([len(row) for row in rows])[:, None] > self._lengths
        features: csr_matrix = hstack(
            [presence(rows, self._width), *ends, csr_matrix(lengths.astype(np.float32))]
        ).tocsr()
        return features

    def name(self, feature: int) -> str:
        """Describe a feature."""
        kind, token = divmod(int(feature), self._width)
        if kind >= 3:  # there, first, last
            return f"a length above {self._lengths[int(feature) - 3 * self._width]:g} tokens"
        quoted = word(self._evidence, token)
        return (f"the token {quoted}", f"the first token being {quoted}", f"the last token being {quoted}")[kind]


_FIRST, _LAST = slice(0, 1), slice(-1, None)
