"""Checks whether the splits have rows, raw and tokenized, and whether the evaluation has enough rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding, warning
from pytest_ftcheck.checks.data.splits import splits
from pytest_ftcheck.columns import scalars
from pytest_ftcheck.heads.answers import QUESTION

if TYPE_CHECKING:
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding


@check(
    "data.splits_not_empty",
    cost="free",
    catches="a filter that removes all rows, rows that were lost or repeated between the texts and their tokens",
    hint="look for code that filters, joins or drops rows before and during tokenization; a batched map must return as "
    "many rows as it gets.",
)
def splits_not_empty(evidence: Evidence, _thresholds: Thresholds) -> list[Finding]:
    """Both splits have rows, and the same number of tokenized and raw rows.

    Assumes: row i of the tokens was made from row i of the raw data.

    Unusual but healthy: long texts that are cut into several rows fail if the raw rows are given too. For questions,
    whose contexts are cut into windows, each must have at least one row.

    False alarms: none by chance.
    """
    found = []
    for split in splits(evidence):
        raw, rows = len(split.raw), len(split.rows)
        if not rows:
            found.append(finding("at least one row", "0 rows", subject=split.subject))
        elif split.windows:
            lost = raw - len(set(scalars(split.rows, QUESTION)))
            if lost:
                observed = f"{lost} of {raw} have none"
                expected = f"at least one tokenized row of each of {raw} raw rows"
                found.append(finding(expected, observed, subject=split.subject))
        elif raw != rows:
            found.append(finding(f"{raw} tokenized rows, one for each raw row", str(rows), subject=split.subject))
    return found


@check(
    "data.evaluation_rows",
    cost="free",
    thresholds={"fail": 0.3, "warn": 0.1},  # smallest drop of the accuracy that is still enough to know
    catches="an evaluation of so few rows that a worse model cannot be detected",
    hint="evaluate more rows: with so few rows, no threshold can detect a worse model.",
)
def evaluation_rows(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The evaluation has enough rows to detect a worse model.

    The check computes the smallest drop from an accuracy of 0.9 that these rows detect with 80% power, by an exact
    binomial test at 5%; for regression, the same number of rows is required. If an option of ftcheck limits the rows,
    the check only warns.

    Assumes: the purpose of the evaluation is to detect a worse model.

    Unusual but healthy: a dozen rows on purpose, as a smoke test, fail until the limit is raised.

    False alarms: none by chance. Rows are counted.
    """
    split = splits(evidence)[1]
    rows = len(split.rows)
    if not rows:
        msg = "no row is evaluated"
        raise NotApplicable(msg)
    drop = smallest_drop(rows)
    if drop <= thresholds["warn"]:
        return []
    seen = (
        f"a drop of the accuracy from 0.9 to {0.9 - drop:.2g} is the smallest that they show"
        if drop < _NEVER
        else ("not even a drop of the accuracy from 0.9 to 0 shows")
    )
    observed = f"only {rows} rows are evaluated: {seen}, with 80% power"
    if drop <= thresholds["fail"] or _cut_by_us(evidence, rows):
        expected = f"rows enough to see a drop of {thresholds['warn']:g} (of more than {thresholds['fail']:g} fail)"
        return [warning(expected, observed, share=min(drop, 1.0), subject=split.subject)]
    return [finding(f"rows enough to see a drop of {thresholds['fail']:g}", observed, subject=split.subject)]


_NEVER = 0.9


def smallest_drop(rows: int, accuracy: float = 0.9, level: float = 0.05, power: float = 0.8) -> float:
    """Return the smallest drop of an accuracy that this number of rows detects, by a one-sided exact binomial test.

    Args:
        rows: number of evaluated rows.
        accuracy: accuracy of a healthy model.
        level: probability of calling a healthy model worse.
        power: probability of detecting the drop.

    Returns:
        The drop, in steps of 0.005; the whole accuracy if even that is not detected.

    """
    hits = np.arange(rows + 1)
    critical = int((stats.binom.cdf(hits, rows, accuracy) <= level).sum()) - 1
    drops = np.arange(0.005, accuracy, 0.005)
    seen = np.asarray(stats.binom.cdf(critical, rows, accuracy - drops) >= power)
    return float(drops[seen.argmax()]) if seen.any() else accuracy


def _cut_by_us(evidence: Evidence, rows: int) -> bool:
    """Return whether --ftcheck-max-eval-rows, not the project, limits the rows."""
    return evidence.pipeline.source.rows.count("eval_dataset") > rows
