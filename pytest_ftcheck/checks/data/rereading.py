"""Checks whether a data set gives the same rows when it is read again, as a second epoch or evaluation does."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any

from datasets import Dataset

from pytest_ftcheck.checks.catalogue import Thresholds, check, finding
from pytest_ftcheck.checks.data.splits import Split, filled, splits
from pytest_ftcheck.columns import ALL_LABEL_NAMES, label_names_in
from pytest_ftcheck.pipeline.trainer_rows import STREAMED, is_stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_ROWS = 64
"""Number of rows that are read twice, of a data set with a length."""


@check(
    "data.rows_repeat",
    cost="free",
    catches="an iterator that is opened once and continues at the next evaluation, a stream without a second epoch, "
    "rows that change or lose their label when they are read",
    hint="open a new iterator in __iter__; do not change a stored row in __getitem__ (pop() removes the label): "
    "copy it; draw no random numbers for rows that are evaluated.",
)
def rows_repeat(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """A second reading gives the same evaluation rows, and the same labels of train rows.

    Rows of a table do not change: they are skipped.

    Assumes: every evaluation uses the same rows.

    Unusual but healthy: train rows that are drawn or changed in every epoch, and evaluation rows in another order,
    pass; so does an evaluation stream of more than 10,000 rows, whose first rows may differ.

    False alarms: none by chance. Rows are compared.
    """
    del thresholds
    found = []
    for split, is_train in zip(splits(evidence), (True, False), strict=True):
        if split not in filled(evidence):
            continue
        rows = _given(evidence, split, is_train=is_train)
        if _is_table(rows):
            continue
        difference = _stream(rows, is_train=is_train) if is_stream(rows) else _indexed(rows, split, is_train=is_train)
        if difference:
            found.append(finding("the same rows when they are read again", difference, subject=split.subject))
    return found


def _given(evidence: Evidence, split: Split, *, is_train: bool) -> Any:
    """Return a data set as the user's Trainer has it, unless another one replaces it."""
    return evidence.pipeline.source.rows.given("train_dataset" if is_train else "eval_dataset", split.rows)


def _is_table(rows: Any) -> bool:
    return isinstance(rows, Dataset) and rows.format["type"] != "custom"


def _indexed(rows: Any, split: Split, *, is_train: bool) -> str:
    """Read some rows twice by their index; the labels were read before, when the table of all rows was made."""
    places = list(range(0, len(rows), max(1, len(rows) // _ROWS)))
    labels = next((split.values(name, places) for name in label_names_in(split.rows.column_names)), [])
    changed = []
    for index, place in enumerate(places):
        # Copy the row as text before the next reading, which may change the same row object.
        first = _written(rows[place], only_labels=is_train)
        second = _written(rows[place], only_labels=is_train)
        name = next(iter(label_names_in(first)), None)
        if labels and name and _number(labels[index]) != _number(first[name]):
            first = {**first, name: str(labels[index])}
        if first != second:
            changed.append((place, _difference(first, second)))
    if not changed:
        return ""
    return f"{len(changed)} of {len(places)} rows differ: row {changed[0][0]} {changed[0][1]}"


def _number(value: Any) -> float | str:
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)


def _stream(rows: Any, *, is_train: bool) -> str:
    """Read a stream twice, up to the number of rows that represents all of its rows."""
    first, second = ([_written(row) for row in islice(rows, STREAMED)] for _ in range(2))
    if first and not second:
        return f"the stream gives {len(first)} rows once, and none when it is iterated again"
    if is_train or len(first) >= STREAMED:
        return ""
    others = Counter(map(_key, second)) - Counter(map(_key, first))
    if len(first) == len(second) and not others:
        return ""
    return (
        f"iterated a second time, the stream gives {len(second)} rows after {len(first)}, of which {others.total()} "
        "are others"
    )


def _written(row: Any, *, only_labels: bool = False) -> dict[str, str]:
    values: Mapping[str, Any] = dict(row)
    return {
        str(name): repr(value.tolist() if hasattr(value, "tolist") else value)
        for name, value in values.items()
        if not only_labels or name in ALL_LABEL_NAMES
    }


def _key(row: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(row.items()))


def _difference(first: dict[str, str], second: dict[str, str]) -> str:
    """Describe how a row differs when it is read again."""
    lost = [name for name in first if name not in second]
    if lost:
        return f"has no {lost[0]!r} any more when it is read again"
    name = next(name for name in second if first.get(name) != second[name])
    return f"has another {name!r} when it is read again: {second[name][:40]} instead of {first.get(name, 'none')[:40]}"
