"""Checks labels that were made from another column of the rows: missing or rounded values."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import Value

from pytest_ftcheck.checks.catalogue import Thresholds, check, finding
from pytest_ftcheck.checks.data.splits import SAMPLE, Split, filled, label_values, share
from pytest_ftcheck.columns import taken
from pytest_ftcheck.heads.traits import LABEL_PER_ROW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_ROWS = 16 * SAMPLE
_MOST_NAMES = 200
"""Largest number of different values of a column that may hold names of classes."""
_NEARLY_ALL = 0.99
_FEWEST = 5
_MISSING = frozenset(("", "nan", "none", "null", "n/a"))


@check(
    "data.label_source",
    cost="free",
    needs=(LABEL_PER_ROW,),
    # Fraction of the rows; for a regression, fraction of the values that are not whole numbers.
    thresholds={"missing": 0.01, "fractions": 0.1},
    catches="rows without a label that get the id of a class, scores that are rounded when they become labels",
    hint="remove rows whose label is missing, or give them -100; convert scores to float labels.",
)
def label_source(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """A label that was made from another column of its row agrees with that column.

    Assumes: if the values of a column match the labels one to one, the labels come from that column.

    Unusual but healthy: a class for rows without a name passes, if no row with a name has it; scores that are rounded
    to classes on purpose pass, because the task is then a classification.

    False alarms: none by chance. The check reads columns that match the labels in 99% of the rows.
    """
    found = []
    regression = evidence.pipeline.card.head_rules.values
    for split in filled(evidence):
        indices = split.few(_ROWS)
        every = label_values(evidence, split)
        labels = [every[index] for index in indices]
        for name in _columns(evidence, split):
            values = taken(split.raw, name, indices)
            difference = (
                _whole_parts(values, labels, thresholds) if regression else _missing(values, labels, thresholds)
            )
            if difference:
                expected = f"labels that are what column {name!r} says"
                shown = (
                    f"row {index}: label {label!r}, {name} {value!r}"
                    for index, label, value in zip(indices, labels, values, strict=True)
                    if (value != label if regression else _is_absent(value))
                )
                found.append(finding(expected, difference, subject=split.subject, evidence=shown))
    return found


def _columns(evidence: Evidence, split: Split) -> list[str]:
    """Name the columns from which labels may be made: texts for classes, numbers for a regression."""
    kinds = ("float",) if evidence.pipeline.card.head_rules.values else ("string", "large_string")
    labels = {evidence.pipeline.label_column, evidence.pipeline.card.label_column}
    return [
        name
        for name, feature in split.raw.features.items()
        if name not in labels and isinstance(feature, Value) and feature.dtype.startswith(kinds)
    ]


def _missing(values: Sequence[Any], labels: Sequence[Any], thresholds: Thresholds) -> str:
    """Find rows without a name that have the label of a named class."""
    absent = list(map(_is_absent, values))
    without = [label for label, is_absent in zip(labels, absent, strict=True) if is_absent]
    pairs = Counter((value, label) for value, label, gone in zip(values, labels, absent, strict=True) if not gone)
    names = {value for value, _ in pairs}
    if len(without) < max(_FEWEST, thresholds["missing"] * len(values)) or not 1 < len(names) <= _MOST_NAMES:
        return ""
    best: dict[Any, tuple[Any, int]] = {}
    for (value, label), count in pairs.items():
        if count > best.get(value, (None, 0))[1]:
            best[value] = (label, count)
    one_to_one = sum(count for _, count in best.values()) >= _NEARLY_ALL * pairs.total()
    (label, count), *_ = Counter(without).most_common(1)
    of = [name for name, (its, _) in best.items() if its == label]
    if not one_to_one or len({its for its, _ in best.values()}) < 2 or count < _NEARLY_ALL * len(without) or not of:
        return ""
    return (
        f"{share(len(without), len(values))} sampled rows have none there (missing, empty), and the label {label!r} of "
        f"{of[0]!r} all the same"
    )


def _is_absent(value: Any) -> bool:
    return value is None or str(value).strip().casefold() in _MISSING


def _whole_parts(values: Sequence[Any], labels: Sequence[Any], thresholds: Thresholds) -> str:
    """Find labels that are whole numbers although their scores are not."""
    scores, targets = (
        np.asarray([np.nan if one is None else one for one in column], float) for column in (values, labels)
    )
    known = np.isfinite(scores) & np.isfinite(targets)
    scores, targets = scores[known], targets[known]
    if len(scores) < _FEWEST or (targets != np.round(targets)).any() or len(set(targets.tolist())) < 2:  # values
        return ""
    fractions = scores != np.round(scores)
    if fractions.mean() < thresholds["fractions"]:
        return ""
    for made, how in ((np.trunc(scores), "cut to whole numbers (truncated)"), (np.round(scores), "rounded")):
        if np.mean(made == targets) >= _NEARLY_ALL:
            at = int(np.flatnonzero(fractions)[0])
            lost = share(int(fractions.sum()), len(scores))
            return (
                f"they are {how} and lose the fraction of {lost} sampled rows: {scores[at]:g} becomes {targets[at]:g}"
            )
    return ""
