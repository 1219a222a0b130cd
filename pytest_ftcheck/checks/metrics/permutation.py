"""Checks of predictions for all tasks: predicted classes and labels have the same meaning."""

from __future__ import annotations

from math import comb, factorial
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, stats

from pytest_ftcheck.checks.catalogue import check, finding
from pytest_ftcheck.checks.metrics.rows import confusion, correlation, judged
from pytest_ftcheck.checks.metrics.tagged import has_tags, rows_by_tags, tagged_rows
from pytest_ftcheck.heads.traits import LABEL_PER_ITEM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding


@check(
    "metrics.label_permutation",
    cost="run",
    needs=(LABEL_PER_ITEM,),
    thresholds={"alpha": 1e-4},
    false_alarms=1e-4,
    catches="label names or ids that are swapped or shifted between train and evaluation, a score with inverted sign",
    hint="compare the label encoding of both splits with each other and with id2label: sorted names, an id that starts "
    "at 1, another label_list, 0 meaning entailment here and contradiction there.",
)
def label_permutation(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """No permutation of the predicted classes scores better, by more than noise.

    The check finds the best permutation and judges each of its cycles with ``alpha`` divided by the number of cycles of
    that length and by the number of lengths; a cycle must win in accuracy and in balanced accuracy. Regression: no
    negative correlation. Tags of tokens: the same test on counts of rows in which a tag is predicted for a label.

    Assumes: class i of the logits is label i.

    Unusual but healthy: a model that is below chance by noise, or cannot separate two classes, passes.

    False alarms: at most 1e-4 a session over all permutations together (exact sign test for each cycle).
    """
    if has_tags(evidence):
        tagged = tagged_rows(evidence)
        by_tags = rows_by_tags(tagged)
        return [_misnamed(tagged.label_names, by_tags, cycle) for cycle in better_cycles(by_tags, thresholds["alpha"])]
    rows = judged(evidence)
    if rows.regression:
        value, chance = correlation(rows.predicting(-rows.predictions))
        if not chance < thresholds["alpha"]:
            return []
        observed = f"correlation {-value:.3f}: with inverted sign the values correlate by {value:.3f}"
        return [finding("values that rise with the labels", observed)]
    table = confusion(rows)
    return [_misnamed(rows.names, table, cycle) for cycle in better_cycles(table, thresholds["alpha"])]


def better_cycles(table: NDArray[np.int64], alpha: float) -> Iterator[dict[int, int]]:
    """Yield the cycles of the best permutation, predicted class to right class, that win by more than noise.

    Args:
        table: counts ``[K, K]``, labels by predictions.
        alpha: probability of yielding a cycle that is not real.

    """
    labels, predictions = optimize.linear_sum_assignment(table, maximize=True)
    right = dict(zip(predictions.tolist(), labels.tolist(), strict=True))
    sizes = np.maximum(table.sum(axis=1), 1)
    while right:
        start, label = right.popitem()
        cycle = {start: label}
        while label != start:
            cycle[label] = right.pop(label)
            label = cycle[label]
        if len(cycle) == 1:
            continue
        renamed = np.array([table[label, predicted] for predicted, label in cycle.items()])
        identity = np.array([table[predicted, predicted] for predicted in cycle])
        shares = [sizes[list(cycle.values())], sizes[list(cycle)]]
        won, lost = int(renamed.sum()), int(identity.sum())
        gain = float((renamed / shares[0]).sum() - (identity / shares[1]).sum())
        deviation = float(np.sqrt((renamed / shares[0] ** 2).sum() + (identity / shares[1] ** 2).sum()))
        # Correct for all possible cycles: the cycles of each length share an equal part of alpha.
        allowed = alpha / (len(table) - 1) / (comb(len(table), len(cycle)) * factorial(len(cycle) - 1))
        if stats.binom.sf(won - 1, won + lost, 0.5) < allowed and stats.norm.sf(gain / deviation) < alpha:
            yield cycle


def _misnamed(names: Sequence[str], table: NDArray[np.int64], cycle: Mapping[int, int]) -> Finding:
    moved = table[list(cycle.values()), list(cycle)].sum() - table[list(cycle), list(cycle)].sum()
    before, total = int(np.trace(table)), int(table.sum())
    shown = list(cycle.items())[:6]
    reading = ", ".join(f"{names[predicted]!r} as {names[label]!r}" for predicted, label in shown)
    more = f" and {len(cycle) - len(shown)} more" if len(cycle) > len(shown) else ""
    return finding(
        f"predicted classes with the meaning of the labels: {before} of {total} rows are right ({before / total:.4f})",
        f"{before + moved} would be right ({(before + moved) / total:.4f}) with {reading}{more}",
    )
