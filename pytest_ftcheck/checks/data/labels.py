"""Checks of labels: they are classes of the head, train has all of them, and both splits have one encoding."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import ClassLabel
from scipy import stats

from pytest_ftcheck.checks.catalogue import Thresholds, check, finding, warning
from pytest_ftcheck.checks.data.splits import Split, filled, label_values, mapping, share, splits
from pytest_ftcheck.columns import scalars
from pytest_ftcheck.findings import EXAMPLES
from pytest_ftcheck.heads.registry import head_of_width
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_ENOUGH = 20
"""Number of rows from which on distributions of labels are compared."""
_SHOWN = 5
FOLLOWS = 0.95
"""Fraction of the rows from which on a label follows from a column."""


def _names(evidence: Evidence) -> tuple[str, ...]:
    return evidence.pipeline.card.label_names


def _show(evidence: Evidence, classes: Sequence[int]) -> str:
    names = _names(evidence)
    shown = [f"{index} ({names[index]})" if index < len(names) else str(index) for index in classes[:_SHOWN]]
    return ", ".join(shown) + (f" and {len(classes) - _SHOWN} more" if len(classes) > _SHOWN else "")


@check(
    "data.labels_in_range",
    cost="free",
    catches="labels from 1 to K instead of 0 to K-1, -1 for a hidden label, missing labels, texts instead of class ids",
    hint="number the classes from 0 to num_labels - 1, drop rows without a label (-1 in the test splits of GLUE), and "
    "set num_labels and id2label to the classes of the data.",
)
def labels_in_range(evidence: Evidence, _thresholds: Thresholds) -> list[Finding]:
    """Every label is the id of a class of the model; for regression, a finite number.

    Assumes: labels are ids from 0 to K-1; for regression, finite numbers.

    Unusual but healthy: the label -100, which the loss ignores, fails too: drop such rows.

    False alarms: none by chance.
    """
    classes = evidence.pipeline.card.num_labels
    head = evidence.pipeline.card.head_rules.labels
    expected = head.expected(classes)
    found = []
    for split in filled(evidence):
        labels = label_values(evidence, split)
        bad = [row for row, label in enumerate(labels) if not head.fits(label, classes)]
        if bad:
            observed = f"{share(len(bad), len(labels))} labels are others: {_most_common([labels[row] for row in bad])}"
            found.append(
                finding(
                    expected,
                    f"{observed}, first in row {bad[0]}",
                    subject=split.subject,
                    evidence=(f"row {row}: label {labels[row]!r}" for row in bad[:EXAMPLES]),
                )
            )
    return found


def _most_common(labels: Sequence[Any]) -> str:
    return ", ".join(f"{value} ({count} times)" for value, count in Counter(map(repr, labels)).most_common(_SHOWN))


@check(
    "data.classes_in_train",
    cost="free",
    needs=(CLASSES, LABEL_PER_ROW),
    catches="a class without train rows: rows sorted by label and cut off, num_labels too high, labels 1 to K",
    hint="the model cannot learn a class without rows: shuffle before taking a part of the rows, split within classes "
    "(train_test_split with stratify), or set num_labels to the number of classes in the data.",
)
def classes_in_train(evidence: Evidence, _thresholds: Thresholds) -> list[Finding]:
    """Every class has rows in train.

    Assumes: the head has as many outputs as train has classes.

    Unusual but healthy: spare outputs after all classes of both splits only warn. A rare class whose rows are all in
    the evaluation fails: silence it in the card.

    False alarms: none by chance. A random split that leaves out a class of very few rows is a true finding.
    """
    train, evaluated = splits(evidence)
    classes = evidence.pipeline.card.num_labels
    counts = Counter(label_values(evidence, train))
    if absent := [index for index in range(classes) if not counts[index]]:
        observed = f"no rows of class {_show(evidence, absent)}; {len(train.rows)} rows have "
        observed += _most_frequent(evidence, counts)
        expected = f"train rows with each of {classes} classes"
        used = [label for label in {*counts, *label_values(evidence, evaluated)} if isinstance(label, int)]
        if min(absent) > max(used, default=classes):
            return [warning(f"{expected}, or a head without spare outputs", observed, share=0.0, subject=train.subject)]
        return [finding(expected, observed, subject=train.subject)]
    return []


def _most_frequent(evidence: Evidence, counts: Counter[Any]) -> str:
    shown = [f"{_show(evidence, [label])} {count} times" for label, count in counts.most_common(_SHOWN)]
    return ", ".join(shown) or "no label"


@check(
    "data.classes_in_evaluation",
    cost="free",
    needs=(CLASSES, LABEL_PER_ROW),
    # Probability that an evaluation which is drawn like train lacks any class.
    thresholds={"chance": 1e-4},
    false_alarms=1e-4,
    catches="an evaluation without a class: rows sorted by label and cut off, a constant label column",
    hint="the metrics do not cover that class: shuffle before taking a part of the rows, or split within classes.",
)
def classes_in_evaluation(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """A class that is frequent in train is evaluated too.

    Assumes: evaluation rows are drawn like train rows.

    Unusual but healthy: an evaluation of chosen classes fails. A rare class may be absent; the number of rows decides
    how rare.

    False alarms: at most 1e-4 a session over all classes together (exact hypergeometric test).
    """
    train, evaluated = splits(evidence)
    labels, others = label_values(evidence, train), label_values(evidence, evaluated)
    counts, rows = Counter(labels), len(others)
    absent = absent_by_more_than_luck(labels, others, thresholds["chance"])
    if not absent:
        return []
    most = max(absent, key=lambda label: counts[label])
    expected = f"rows with each class that is frequent in train, such as {_show(evidence, [most])}: "
    expected += f"{share(counts[most], len(labels))} there"
    observed = f"none among {rows} with {_show(evidence, absent)}; {_most_frequent(evidence, Counter(others))}"
    return [finding(expected, observed, subject=evaluated.subject)]


def absent_by_more_than_luck(labels: Sequence[Any], others: Sequence[Any], chance: float) -> list[Any]:
    """Return the classes of some labels that the others lack, if chance does not explain it.

    Exact: the fraction of all ways to distribute the rows over both splits in which the second one lacks a class.
    """
    counts, total = Counter(labels), len(labels) + len(others)
    return [
        label
        for label in sorted(counts.keys() - set(others), key=str)
        if stats.hypergeom.pmf(0, total, counts[label], len(others)) < chance / len(counts)
    ]


@check(
    "data.label_encoding",
    cost="free",
    needs=(LABEL_PER_ROW,),
    # For regression labels: allowed ratio of the widths, and allowed distance in widths. `chance`: probability that
    # splits which are drawn alike differ as much.
    thresholds={"spread": 4.0, "distance": 2.0, "chance": 1e-4},
    false_alarms=1e-4,
    catches="splits that were encoded separately: other class ids, names in another order, texts in one, another scale",
    hint="encode both splits with one mapping: one ClassLabel or label2id for all, made before the split; scale "
    "regression labels with the same numbers.",
)
def label_encoding(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Labels are encoded in the same way in train and in evaluation.

    Assumes: both splits are encoded alike, and drawn alike.

    Unusual but healthy: heavy-tailed or mostly equal labels, and rare classes that one split lacks, pass if chance
    explains them.

    False alarms: at most 1e-4 a session (exact hypergeometric test; for regression the Kolmogorov-Smirnov test).
    """
    train, evaluated = splits(evidence)
    labels, others = label_values(evidence, train), label_values(evidence, evaluated)
    if not labels or not others:
        return []
    if evidence.pipeline.card.head_rules.values:
        different = other_scale(labels, others, thresholds)
    else:
        different = other_classes(labels, others, thresholds["chance"])
    different = _other_kind(labels, others) or _other_names(evidence, train, evaluated) or different
    different = different or _other_mapping(evidence, train, evaluated)
    return [finding(f"{evaluated.name} labels encoded as in train", different)] if different else []


def _other_kind(labels: Sequence[Any], others: Sequence[Any]) -> str:
    """Describe how the types differ; an empty text if they do not differ."""
    first, second = ({type(label).__name__ for label in some} for some in (labels, others))
    return "" if first == second else f"{' and '.join(sorted(second))} instead of {' and '.join(sorted(first))}"


def _other_names(evidence: Evidence, train: Split, evaluated: Split) -> str:
    for column in {evidence.pipeline.label_column, evidence.pipeline.card.label_column}:
        for kind in ("rows", "raw"):
            first, second = (getattr(split, kind).features.get(column) for split in (train, evaluated))
            if isinstance(first, ClassLabel) and isinstance(second, ClassLabel) and first.names != second.names:
                return f"class names {second.names} instead of {first.names}"
    return ""


def other_classes(labels: Sequence[Any], others: Sequence[Any], chance: float) -> str:
    """Find classes that are shifted or renamed: each split then has classes that the other lacks, not by chance."""
    first, second = set(labels), set(others)
    if not (first - second and second - first):
        return ""
    pairs = ((labels, others), (others, labels))
    if not any(absent_by_more_than_luck(some, rest, chance / 2) for some, rest in pairs):
        return ""
    return f"classes {_some(second)} instead of {_some(first)}: {_some(second - first)} never stand in train"


def _some(values: set[Any]) -> str:
    ordered = sorted(values, key=lambda value: (str(type(value)), value))
    return ", ".join(map(str, ordered[:_SHOWN])) + (", …" if len(ordered) > _SHOWN else "")


def _is_value(label: Any) -> bool:
    return head_of_width(1).labels.fits(label, 1)


def other_scale(labels: Sequence[Any], others: Sequence[Any], thresholds: Thresholds) -> str:
    """Compare middle and width of the numbers, without their tails."""
    if min(len(labels), len(others)) < _ENOUGH or not all(_is_value(label) for label in [*labels, *others]):
        return ""
    (low, middle, high), (other_low, other_middle, other_high) = _quantiles(labels, others, tail=0.1)
    if low == high or other_low == other_high:
        # If most of them are one number, the others show the scale.
        (low, middle, high), (other_low, other_middle, other_high) = _quantiles(labels, others, tail=0.0)
    narrow, wide = sorted((high - low, other_high - other_low))
    if wide <= thresholds["spread"] * narrow and abs(middle - other_middle) <= thresholds["distance"] * wide:
        return ""
    if stats.ks_2samp(labels, others).pvalue >= thresholds["chance"]:
        return ""  # heavy tails, or mostly zeros: few rows of the same numbers look like that
    return f"most lie from {other_low:g} to {other_high:g} instead of from {low:g} to {high:g}"


def _quantiles(labels: Sequence[Any], others: Sequence[Any], tail: float) -> tuple[list[float], list[float]]:
    """Return the lower quantile, the median and the upper quantile of both lists of numbers."""
    first, second = (np.quantile(np.asarray(some, float), (tail, 0.5, 1 - tail)).tolist() for some in (labels, others))
    return first, second


def _other_mapping(evidence: Evidence, train: Split, evaluated: Split) -> str:
    """Compare the mapping of raw labels to the labels of the training, if both exist and one follows from the other."""
    column = evidence.pipeline.card.label_column
    became = []
    for split in (train, evaluated):
        if split.raw is split.rows or column not in split.raw.column_names:
            return ""
        labels = label_values(evidence, split)
        found, agreeing = mapping(scalars(split.raw, column), labels)
        if agreeing < FOLLOWS * len(labels):
            return ""
        became.append(found)
    first, second = became
    wrong = [value for value in first.keys() & second.keys() if first[value] != second[value]]
    if not wrong:
        return ""
    value = min(wrong, key=str)
    return f"raw label {value!r} became {second[value]!r} instead of {first[value]!r}"
