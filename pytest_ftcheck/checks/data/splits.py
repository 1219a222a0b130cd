"""The two splits of a fine-tune, raw and tokenized, as the checks of the data read them."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from pytest_ftcheck.checks.catalogue import NotApplicable, finding, warning
from pytest_ftcheck.columns import label_values as columns_of_labels
from pytest_ftcheck.columns import scalars, taken, walk
from pytest_ftcheck.heads.answers import QUESTION
from pytest_ftcheck.heads.traits import LABEL_PER_ROW, POSITIONS, QUESTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from datasets import Dataset

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

SAMPLE = 256
"""Number of rows of a split that are tokenized again: enough to estimate a rate, in a short time."""
LUCK = 5e-5
"""Probability of that many bad rows in a sample if the split has exactly the allowed rate; a check tests four times."""
ALL_ROWS = 0.025
"""The same if all rows are read, or for a warning: about two standard deviations."""


@dataclass(frozen=True)
class Split:
    """One split: row i of ``rows`` was made from row i of ``raw``."""

    name: str
    raw: Dataset
    """The texts and all other columns of the source; for a user's Trainer the same object as ``rows``."""
    rows: Dataset
    """Tokenized."""
    subject: str
    """For findings: ``mrpc with tiny-bert on bundled, train split``."""
    windows: bool = False
    """A raw row may become several rows: the column `QUESTION` gives the raw row of each row."""

    def few(self, count: int = SAMPLE) -> list[int]:
        """Indices of at most ``count`` rows, evenly spread."""
        total = len(self.rows) if self.windows else min(len(self.rows), len(self.raw))
        return np.linspace(0, total - 1, min(count, total)).astype(int).tolist() if total else []

    def values(self, column: str, indices: Sequence[int]) -> list[Any]:
        """Return a column of some tokenized rows as plain values."""
        return taken(self.rows, column, indices)

    def texts(self, columns: Sequence[str], indices: Sequence[int]) -> list[tuple[str, ...]]:
        """Return the raw texts of some rows, a tuple for each; a missing text is an empty one."""
        places = taken(self.rows, QUESTION, indices) if self.windows else indices
        by_column = (taken(self.raw, column, places) for column in columns)
        return list(zip(*(map(_text, values) for values in by_column), strict=True))

    def walk_texts(self, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """Yield the raw texts of every row."""
        return (tuple(map(_text, row)) for row in walk(self.raw, columns))


def _text(value: Any) -> str:
    if value is None:
        return ""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def splits(evidence: Evidence) -> tuple[Split, Split]:
    """Return the train split and the evaluated split."""
    pipeline = evidence.pipeline
    data, subject, evaluated = pipeline.data, pipeline.subject, pipeline.data.evaluation_split
    of_windows = QUESTIONS in pipeline.card.head_rules.traits
    return (
        Split("train", data.train, pipeline.train_dataset, f"{subject}, train split", of_windows),
        Split(evaluated, data.evaluation, pipeline.eval_dataset, f"{subject}, {evaluated} split", of_windows),
    )


def filled(evidence: Evidence) -> tuple[Split, ...]:
    """Return the splits that have rows; another check requires rows in both."""
    return tuple(split for split in splits(evidence) if len(split.rows) and len(split.raw))


def label_values(evidence: Evidence, split: Split) -> list[Any]:
    """Return the labels of the training, one for each row.

    Raises:
        NotApplicable: the rows have no label, or several values where the head has one.

    """
    if len(evidence.pipeline.label_columns) > 1:
        return columns_of_labels(split.rows)
    column = evidence.pipeline.label_column
    if column not in split.rows.column_names:
        msg = f"the {split.name} rows have no column {column!r}"
        raise NotApplicable(msg)
    single = LABEL_PER_ROW in evidence.pipeline.card.head_rules.traits
    if single and any(isinstance(value, (list, dict)) for value in split.values(column, split.few(1))):
        msg = f"{column!r} holds several values for each row"
        raise NotApplicable(msg)
    return scalars(split.rows, column)


def require_whole_rows(evidence: Evidence) -> None:
    """Stop a check that compares a tokenized row with all of its raw text.

    Raises:
        NotApplicable: a row is a window of a longer text.

    """
    if POSITIONS in evidence.pipeline.card.head_rules.traits:
        msg = "a row holds a window of its text, not all of it: data.windows_cover checks such rows"
        raise NotApplicable(msg)


def require_column(split: Split, column: str) -> None:
    """Stop a check of a column that the tokenized rows do not have.

    Raises:
        NotApplicable: the column is not there.

    """
    if column not in split.rows.column_names:
        msg = f"the {split.name} rows have no column {column!r}: they have {', '.join(split.rows.column_names)}"
        raise NotApplicable(msg)


def mapping(values: Iterable[Any], labels: Iterable[Any]) -> tuple[dict[Any, Any], int]:
    """Return the most frequent label of each value, and the number of rows that agree with it."""
    most: dict[Any, tuple[Any, int]] = {}
    for (value, label), count in Counter(zip(values, labels, strict=False)).items():
        if value not in most or count > most[value][1]:
            most[value] = (label, count)
    return {value: label for value, (label, _) in most.items()}, sum(count for _, count in most.values())


def exceeds(count: float, total: int, budget: float, luck: float = LUCK) -> bool:
    """Return whether ``count`` of ``total`` rows exceed a budget by more than chance explains.

    If the rate of bad rows is exactly the budget, ``count`` or more are drawn with a probability below ``luck``: 3 of
    32 rows are little evidence of a rate.
    """
    return budget < 1 and bool(stats.binom.sf(math.ceil(count) - 1, total, budget) < luck)


def graded(  # noqa: PLR0917 - what is counted, the two budgets, and the words
    count: float,
    total: int,
    fail: float,
    warn: float,
    what: str,
    observed: str,
    *,
    subject: str = "",
    luck: float = LUCK,
) -> list[Finding]:
    """Return a failure if a count of rows exceeds a budget, a warning if it exceeds a smaller budget.

    Args:
        count: number of bad rows or tokens.
        total: number of checked rows or tokens.
        fail: fraction from which on the check fails; 1.0: never.
        warn: fraction from which on the check warns.
        what: text that follows ``at most 5%``.
        observed: text of the observation.
        subject: subject of the finding; see `finding`.
        luck: see `exceeds`; applies to a failure.

    """
    if exceeds(count, total, fail, luck):
        return [finding(f"at most {_percent(fail)} {what}", observed, subject=subject)]
    if exceeds(count, total, warn, ALL_ROWS):
        limit = f" (more than {_percent(fail)} fail)" if fail < 1 else ""
        expected = f"at most {_percent(warn)} {what}{limit}"
        return [warning(expected, observed, share=count / total, subject=subject)]
    return []


def _percent(part: float) -> str:
    return f"{100 * part:g}%"


def share(count: float, total: int) -> str:
    """Format a count and its rate: ``12 of 400 (3.0%)``."""
    return f"{count:g} of {total} ({count / max(total, 1):.1%})"


def shorten(text: str, most: int = 60) -> str:
    """Quote the start of a text."""
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= most else flat[: most - 1] + "…")
