"""Checks of the labels of rows with any number of labels each. Shapes: N rows, K labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from pytest_ftcheck.checks.catalogue import NotApplicable, ReportedBy, check, finding, warning
from pytest_ftcheck.checks.data.splits import share, splits
from pytest_ftcheck.heads.traits import LABEL_SETS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.data.splits import Split
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_IS_LABEL = 0.5
"""Fraction of votes above which a row has a label."""
_SHOWN = 5


@check(
    "data.labels_in_train",
    cost="free",
    needs=(LABEL_SETS,),
    catches="a label that no train row or every train row has: a column that is left out or filled with a constant, "
    "ids that start at 1, rows that were sorted and cut off",
    hint="compare how the vectors of both splits are made: one column for each name, in one order. Shuffle before "
    "taking a part of the rows.",
)
def labels_in_train(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Every label that is evaluated has train rows with it and train rows without it.

    Assumes: a model can learn a label only from rows with it and rows without it.

    Unusual but healthy: a label that neither split has only warns. A rare label whose rows are all in the evaluation
    fails: silence it in the card.

    False alarms: none by chance. A random split that leaves out a rare label is a true finding.
    """
    del thresholds
    train, evaluated = splits(evidence)
    known, evaluated_sets = label_sets(evidence, train), label_sets(evidence, evaluated)
    constant = [label for label in range(known.shape[1]) if known[:, label].all() or not known[:, label].any()]
    red = [label for label in constant if not (evaluated_sets[:, label] == known[0, label]).all()]
    if red:
        described = [
            f"{name} in {'every' if known[0, label] else 'no'} train row and in "
            f"{share(int(evaluated_sets[:, label].sum()), len(evaluated_sets))}"
            for label, name in zip(red, names_of(evidence, red), strict=True)
        ]
        more = f", and {len(described) - _SHOWN} more" if len(described) > _SHOWN else ""
        observed = f"{', '.join(described[:_SHOWN])} of {evaluated.name}{more}"
        return [finding("train rows with each label, and without it", observed, subject=train.subject)]
    if constant:
        names = ", ".join(names_of(evidence, constant)[:_SHOWN])
        expected = "train rows with each label, and without it (a label that is evaluated fails)"
        return [warning(expected, f"the same in all rows of both splits: {names}", share=0.0, subject=train.subject)]
    return []


@check(
    "data.labels_per_row",
    cost="free",
    needs=(LABEL_SETS,),
    # Allowed ratio of the mean numbers of labels; probability that two splits which are drawn alike differ as much.
    thresholds={"times": 1.3, "chance": 1e-4},
    false_alarms=1e-4,
    catches="only the first label of each set kept in one split; a split that was labelled by other people or rules",
    hint="make the vectors of both splits with one function, from the whole list of labels: labels[0], explode() and "
    "drop_duplicates(), or a column with one label lose the others.",
)
def labels_per_row(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Train rows and evaluation rows have about the same number of labels each.

    The means may differ by the factor ``times``; the test is the Mann-Whitney test.

    Assumes: both splits are labelled alike.

    Unusual but healthy: train rows with one label each that are added artificially fail: raise ``times``.

    False alarms: at most 1e-4 a session, if both splits are drawn alike.
    """
    train, evaluated = splits(evidence)
    counts, others = (label_sets(evidence, split).sum(axis=1) for split in (train, evaluated))
    low, high = sorted((float(counts.mean()), float(others.mean())))
    if high <= thresholds["times"] * low:
        return []
    if not stats.mannwhitneyu(counts, others).pvalue < thresholds["chance"]:
        return []
    observed = f"{counts.mean():.3g} in {len(counts)} train rows, {others.mean():.3g} in {len(others)} rows of "
    observed += evaluated.name
    for some, many, name in ((counts, others, train.name), (others, counts, evaluated.name)):
        if some.max() <= 1 < many.max():
            observed += f": no row of {name} has more than one, as when only the first label of each is kept"
    return [finding(f"about as many labels a row in both splits, within a factor of {thresholds['times']:g}", observed)]


@check(
    "data.rows_without_label",
    cost="free",
    needs=(LABEL_SETS,),
    # Allowed difference of the fractions of rows without any label; probability of it if splits are drawn alike.
    thresholds={"difference": 0.05, "chance": 1e-4},
    false_alarms=1e-4,
    catches="rows without any label that were dropped from one split, or whose labels were lost",
    hint="keep rows without labels in both splits, or in none: dropna(), filter(bool) and a join on the labels drop "
    "them; a row with a missing annotation is not a row without labels.",
)
def rows_without_label(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Rows without any label are as frequent in train as in the evaluation.

    Assumes: both splits are drawn alike.

    Unusual but healthy: train rows that were chosen to have labels fail: raise ``difference``.

    False alarms: at most 1e-4 a session, if both splits are drawn alike (Fisher's exact test).
    """
    train, evaluated = splits(evidence)
    counts = [label_sets(evidence, split).sum(axis=1) for split in (train, evaluated)]
    without, totals = [int((rows == 0).sum()) for rows in counts], [len(rows) for rows in counts]
    shares = [count / total for count, total in zip(without, totals, strict=True)]
    if abs(shares[0] - shares[1]) <= thresholds["difference"]:
        return []
    table = np.array([[count, total - count] for count, total in zip(without, totals, strict=True)])
    if not stats.fisher_exact(table).pvalue < thresholds["chance"]:
        return []
    observed = f"{share(without[0], totals[0])} in train, {share(without[1], totals[1])} in {evaluated.name}"
    return [finding("rows without any label as frequent in both splits", observed)]


def label_sets(evidence: Evidence, split: Split) -> NDArray[np.bool_]:
    """Return which labels each row of a split has, ``[N, K]``.

    Raises:
        NotApplicable: the split has no rows.
        ReportedBy: its labels are not vectors of K numbers.

    """
    if not len(split.rows):
        msg = f"the {split.name} split has no rows"
        raise NotApplicable(msg)
    try:
        labels: NDArray[Any] = evidence.label_array(split.rows)
    except (ValueError, TypeError) as error:
        raise ReportedBy(check="data.labels_in_range", reason="labels are lists of several lengths") from error
    if labels.shape != (len(split.rows), evidence.pipeline.card.num_labels):
        raise ReportedBy(check="data.labels_in_range", reason=f"labels of shape {labels.shape}")
    return labels > _IS_LABEL


def names_of(evidence: Evidence, labels: list[int]) -> list[str]:
    """Return the names of some labels, quoted."""
    names = evidence.pipeline.card.label_names
    return [repr(names[label]) for label in labels]
