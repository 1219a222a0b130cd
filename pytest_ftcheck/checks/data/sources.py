"""Checks whether all sources number the classes in the same way: label 2 means the same in each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import ClassLabel, Value
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding
from pytest_ftcheck.checks.data.presence import content_of, presence
from pytest_ftcheck.checks.data.splits import Split, filled, label_values
from pytest_ftcheck.columns import taken
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_ROWS = 1500
_FOLDS = 3
_FEWEST = 12
"""Number of rows of a class in each part of the rows below which the class is ignored."""
_MOST_SOURCES = 12
_NAMING = ("string", "large_string", "int64", "int32", "bool")
_SHOWN = 3


@check(
    "data.sources_agree",
    cost="free",
    needs=(CLASSES, LABEL_PER_ROW),
    # Fraction of the rows of a class that the other source's model assigns to one other class, and the own model to it.
    thresholds={"rows": 0.7},
    catches="data sets that number their classes differently and were joined by number",
    hint="join by name: datasets.Dataset.align_labels_with_mapping, or a ClassLabel with the same names in both.",
)
def sources_agree(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """A class of one source of the train rows is the same class in the others.

    Sources are the values of a column that names sources, and the first and the last quarter of the rows, because
    joined data sets often follow each other. A linear model of the tokens is fitted on one source and applied to the
    other. Classes are exchanged if this model assigns at least two of them nearly always to the same other class, and a
    model of their own source predicts them correctly.

    Assumes: texts of a class are alike in all sources.

    Unusual but healthy: sources with other words, or with classes of their own, pass.

    False alarms: none by chance: noise does not assign nearly all rows of a class to one other class.
    """
    split = filled(evidence)[0]
    chosen = split.few(_ROWS)
    every = label_values(evidence, split)
    labels = np.asarray([every[index] for index in chosen])
    texts = content_of(evidence, split, _ROWS)
    inputs = presence(texts, 1 + max((token for row in texts for token in row), default=0))
    compared = False
    for name, both in _sources(evidence, split, chosen):
        classes = [one for one in np.unique(labels) if all((labels[rows] == one).sum() >= _FEWEST for rows in both)]
        if len(classes) < 2:  # an exchange
            continue
        compared = True
        rows, others = ([row for row in part if labels[row] in classes] for part in both)
        if found := _exchanged(inputs, labels, rows, others, thresholds["rows"]):
            examples = ", ".join(f"{given} is {other}" for given, other in found[:_SHOWN])
            observed = f"{len(found)} classes are numbered differently in {name}: there, class {examples}"
            return [finding("one numbering of the classes in all train rows", observed, subject=split.subject)]
    if not compared:
        msg = "no two sources with enough rows of two classes"
        raise NotApplicable(msg)
    return []


def _sources(
    evidence: Evidence, split: Split, chosen: list[int]
) -> Iterator[tuple[str, tuple[NDArray[np.int64], NDArray[np.int64]]]]:
    """Yield descriptions of divisions of the rows, and the positions of both parts in the chosen rows."""
    labels = {evidence.pipeline.label_column, evidence.pipeline.card.label_column, *evidence.pipeline.card.text_columns}
    for name, feature in split.raw.features.items():
        named = isinstance(feature, ClassLabel) or (isinstance(feature, Value) and feature.dtype in _NAMING)
        if name in labels or not named:
            continue
        values = np.asarray([str(value) for value in taken(split.raw, name, chosen)])
        kinds = np.unique(values)
        if 2 <= len(kinds) <= _MOST_SOURCES:  # sources
            for kind in kinds:
                yield f"the rows whose {name!r} is {str(kind)!r}", (_where(values != kind), _where(values == kind))
    places = np.arange(len(chosen))
    quarter = len(chosen) // 4
    yield "the last quarter of the rows, against the first", (places[:quarter], places[len(chosen) - quarter :])


def _where(condition: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.flatnonzero(condition)


def _exchanged(
    inputs: Any, labels: NDArray[Any], rows: list[int], others: list[int], least: float
) -> list[tuple[Any, Any]]:
    """Return the classes of the other rows that a model of the first rows nearly always assigns to another one."""
    taken_for = LogisticRegression(max_iter=200).fit(inputs[rows], labels[rows]).predict(inputs[others])
    given = labels[others]
    pairs = []
    for one in np.unique(given):
        values, counts = np.unique(taken_for[given == one], return_counts=True)
        if values[counts.argmax()] != one and counts.max() >= least * counts.sum():
            pairs.append((one.item(), values[counts.argmax()].item()))
    if len(pairs) < 2:  # an exchange takes two
        return []
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    own = cross_val_predict(LogisticRegression(max_iter=200), inputs[others], given, cv=folds)
    known = [pair for pair in pairs if (own[given == pair[0]] == pair[0]).mean() >= least]
    return known if len(known) > 1 else []
