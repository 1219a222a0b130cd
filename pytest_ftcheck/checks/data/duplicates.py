"""Checks of relations between rows: no evaluated row is a train row, and no row contradicts another."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import EvalPrediction

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding, warning
from pytest_ftcheck.checks.data.folded import FoldedRows
from pytest_ftcheck.checks.data.overlap import Leaks, find_leaks
from pytest_ftcheck.checks.data.splits import (
    ALL_ROWS,
    Split,
    exceeds,
    filled,
    graded,
    label_values,
    share,
    shorten,
    splits,
)
from pytest_ftcheck.checks.masked_runs import require_logits_of_metrics
from pytest_ftcheck.findings import EXAMPLES
from pytest_ftcheck.heads.traits import LABEL_PER_ROW

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_ftcheck.checks.data.folded import Rows
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.runs.run import Run

_DRAWS = 999
"""Number of random subsets of equal size with which the change of a metric is compared."""
_LEAKED = "split before you augment or repeat rows, and by text, not by row; take the rows in both splits out of train"


def _leaks(evidence: Evidence) -> Leaks:
    train, evaluated = splits(evidence)
    return find_leaks(FoldedRows(evidence, evaluated), FoldedRows(evidence, train))


@check(
    "data.duplicates",
    cost="free",
    single_texts=True,
    # Measured in the data sets of the built-in cards: at most 1.5% equal (CoLA), 3.3% near and 19% of one side (RTE).
    # `warn` is the fraction of a limit from which on the check warns, except for one side.
    thresholds={"rows": 0.05, "near": 0.1, "one_side": 0.5, "warn": 0.4},
    catches="evaluated rows that are also train rows: equal, segments swapped, nearly equal, or one side of a pair",
    hint=f"the metrics are too high because the model remembers these rows: {_LEAKED}.",
)
def duplicates(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """No evaluated row is also a train row, compared without case, white space and Unicode's compatibility forms.

    Assumes: the same text in both splits is a leak.

    Unusual but healthy: short or templated texts repeat by nature: the check warns from the fraction ``warn`` of a
    limit on, and fails above the limit.

    False alarms: none by chance. All rows are compared by 64-bit digests: two of a million rows have the same digest
    with a probability of 3e-8.
    """
    _, evaluated = splits(evidence)
    leaks, rows = evidence.once(_leaks), len(FoldedRows(evidence, evaluated))
    # Many data sets consist of pairs of one text with several others: a warning would be of no use.
    kinds = (
        (
            "rows",
            thresholds["warn"],
            "that are also train rows, equal or with their segments swapped",
            leaks.equal | leaks.swapped,
        ),
        ("near", thresholds["warn"], "nearly equal to a train row", leaks.near),
        ("one_side", 1.0, "with one segment that stands in a single train row", leaks.one_side),
    )
    return [
        replace(entry, evidence=_examples(evidence, evaluated, found))
        for name, warn, what, found in kinds
        if found
        for entry in graded(
            len(found),
            rows,
            thresholds[name],
            warn * thresholds[name],
            f"of {rows} {evaluated.name} rows {what}",
            _count(found, rows, leaks) + _example(evidence, evaluated, found),
            luck=ALL_ROWS,
        )
    ]


def _count(found: Mapping[int, int], total: int, leaks: Leaks) -> str:
    swapped = len(found.keys() & leaks.swapped.keys())
    return share(len(found), total) + (f", {swapped} of them swapped" if swapped else "")


def _example(evidence: Evidence, evaluated: Split, found: Mapping[int, int]) -> str:
    index, place = min(found.items())
    return f"; the first is row {index}, found in row {place} of train{_text_of(evidence, evaluated, index)}"


def _examples(evidence: Evidence, evaluated: Split, found: Mapping[int, int]) -> tuple[str, ...]:
    return tuple(
        f"row {index} is row {place} of train{_text_of(evidence, evaluated, index)}"
        for index, place in sorted(found.items())[:EXAMPLES]
    )


@check(
    "data.metrics_without_duplicates",
    cost="run",
    thresholds={"fall": 0.02},
    false_alarms=1e-3,
    catches="a metric that is high only because evaluated rows are also train rows",
    hint=f"the difference is the part of the metric that the model remembered: {_LEAKED}.",
)
def metrics_without_duplicates(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The metrics are about the same on the evaluated rows that are not in train.

    Assumes: leaked rows are easier only because they were trained on.

    Unusual but healthy: leaked rows that are easier than others, such as very short texts, fail: random subsets do not
    take this into account.

    False alarms: at most 5e-4 for each metric (none of 999 random subsets of equal size differs as much), for two
    metrics 1e-3.
    """
    _, evaluated = splits(evidence)
    leaked, rows = evidence.once(_leaks).rows, len(FoldedRows(evidence, evaluated))
    if not leaked:
        return []
    kept = np.setdiff1d(np.arange(rows), leaked)
    what = f"{share(len(leaked), rows)} {evaluated.name} rows stand in train"
    if not kept.size:
        return [finding("evaluated rows that were not trained on", f"none: {what}")]
    run = evidence.run
    if len(run.logits) != rows:
        msg = f"{len(run.logits)} rows of logits for {rows} evaluated rows"
        raise NotApplicable(msg)
    measure = _measure(evidence, run)
    whole, without = measure(np.arange(rows)), measure(kept)
    found = []
    for key, greater_is_better in evidence.pipeline.card.metric.greater_is_better.items():
        fall = (whole[key] - without[key]) * (1 if greater_is_better else -1)
        if fall > thresholds["fall"] and beyond_luck(measure, key, whole[key] - without[key], rows, kept.size):
            subject = f"{key} on the {kept.size} rows that train does not hold, {evaluated.subject}"
            expected = f"within {thresholds['fall']:g} of {whole[key]:.4f}, that of all {rows} rows"
            found.append(finding(expected, f"{without[key]:.4f}; {what}", subject=subject))
    return found


def _measure(evidence: Evidence, run: Run) -> Callable[[NDArray[Any]], Mapping[str, float]]:
    """Return a function that computes the metrics of some of the rows."""
    compute = evidence.pipeline.compute_metrics
    require_logits_of_metrics(evidence)
    if compute is None:
        msg = "the Trainer has no compute_metrics"
        raise NotApplicable(msg)

    def measure(rows: NDArray[Any]) -> Mapping[str, float]:
        with warnings.catch_warnings():
            # A few rows may lack a class: warnings of scikit-learn about it are of no use here.
            warnings.simplefilter("ignore")
            return compute(EvalPrediction(predictions=run.logits[rows], label_ids=run.label_ids[rows]))

    return measure


def beyond_luck(
    measure: Callable[[NDArray[Any]], Mapping[str, float]], key: str, fall: float, rows: int, kept: int
) -> bool:
    """Return whether no random subset of equal size changes the metric as much."""
    whole, generator = measure(np.arange(rows))[key], np.random.default_rng(0)
    drawn = (measure(np.sort(generator.permutation(rows)[:kept]))[key] for _ in range(_DRAWS))
    return not any(abs(whole - value) >= abs(fall) for value in drawn)


@check(
    "data.contradictions",
    cost="free",
    needs=(LABEL_PER_ROW,),
    # Measured: at most 0.6% of the rows (CoLA).
    thresholds={"rows": 0.02, "apart": 0.5, "repeated": 0.2, "kappa": 0.4},
    catches="the same input with two labels: shuffled labels, wrong joins, text that is lost before the model",
    hint="no model can learn both: look for labels joined to other rows, a text column that was left out, or rows that "
    "annotators disagree about. Regression labels may differ by the fraction `apart` of the labels' range.",
)
def contradictions(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Rows with the same text have the same label; for regression, nearly the same.

    If texts are in several rows by design (at least a fraction ``repeated`` of the rows) and their labels agree by far
    more than chance (Cohen's ``kappa``), as those of several annotators do, the check warns.

    Assumes: equal texts mean equal labels; one row is one text.

    Unusual but healthy: rows of several annotators who agree only warn. Labels that depend on a context outside of the
    text columns fail above ``rows``: raise it.

    False alarms: none by chance. All rows are compared.
    """
    found = []
    for split in filled(evidence):
        labels = label_values(evidence, split)
        differ = _Differ(evidence, labels, thresholds["apart"])
        alike = _alike(FoldedRows(evidence, split))
        bad = [rows for rows in alike if differ([labels[row] for row in rows])]
        count = sum(map(len, bad))
        if exceeds(count, len(labels), thresholds["rows"], ALL_ROWS):
            shown = " and ".join(f"row {row} labelled {labels[row]}" for row in _two(bad[0], labels))
            expected = f"at most {thresholds['rows']:.1%} of the rows with the text of another row, but not its label"
            observed = f"{share(count, len(labels))}, such as {shown}{_text_of(evidence, split, bad[0][0])}"
            repeated = sum(map(len, alike)) >= thresholds["repeated"] * len(labels)
            if (
                repeated
                and agreement_of_equals([[labels[row] for row in rows] for rows in alike]) >= thresholds["kappa"]
            ):
                observed += "; labels of equal texts agree by far more than chance, as those of several annotators"
                found.append(warning(expected, observed, share=count / len(labels), subject=split.subject))
            else:
                found.append(finding(expected, observed, subject=split.subject))
    return found


def agreement_of_equals(groups: Sequence[Sequence[Any]]) -> float:
    """Return the agreement of labels of equal texts, from 0 (chance) to 1 (Fleiss' kappa over pairs).

    Args:
        groups: for each text that several rows have, the labels of these rows.

    """
    counts = Counter(label for group in groups for label in group)
    chance = sum((count / counts.total()) ** 2 for count in counts.values())
    pairs = sum(len(group) * (len(group) - 1) for group in groups)
    equal = sum(count * (count - 1) for group in groups for count in Counter(group).values())
    return 1.0 if chance >= 1 else (equal / pairs - chance) / (1 - chance)


def _alike(rows: Rows) -> list[list[int]]:
    """Return the rows that are equal to others: one list of rows for each text, by digest."""
    digests = np.fromiter(map(hash, rows), dtype=np.int64, count=len(rows))
    order = np.argsort(digests, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(digests[order])) + 1)
    return sorted(group.tolist() for group in groups if len(group) > 1)


class _Differ:
    """Decides whether labels of equal rows differ; for regression, by more than a fraction of the labels' range."""

    def __init__(self, evidence: Evidence, labels: Sequence[Any], apart: float) -> None:
        self._most = None
        if evidence.pipeline.card.head_rules.values and labels:
            self._most = apart * (max(labels) - min(labels))

    def __call__(self, labels: Sequence[Any]) -> bool:
        return len(set(labels)) > 1 if self._most is None else bool(max(labels) - min(labels) > self._most)


def _two(rows: Sequence[int], labels: Sequence[Any]) -> tuple[int, int]:
    """Return the first row and the first one with another label."""
    return rows[0], next(row for row in rows if labels[row] != labels[rows[0]])


def _text_of(evidence: Evidence, split: Split, row: int) -> str:
    columns = evidence.pipeline.card.text_columns
    if not columns:
        return "; compared by their tokens, because no raw text is known"
    return f": {shorten(' | '.join(split.texts(columns, [row])[0]))}"
