"""The invariants of every batch that a data collator makes, and the search for a batch that breaks one.

Each invariant is a pure function of the features and of the batch that the collator makes of them; `check_invariant`
runs one on generated ragged batches and reports the smallest batch that breaks it. Shapes: B rows, T columns.

Where possible, one defect breaks one invariant only: a row is searched in the whole batch first, and its mask, its
padding and its side are judged in the place where it is found. A row that is not found is reported by
`collator.tokens` alone. Therefore the family should be run as a whole.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from pytest_ftcheck.checks.collator.batch_labels import check_dtype, check_labels
from pytest_ftcheck.checks.collator.batches import Batch, CollatorSubject, Features, batch_finding, show_error
from pytest_ftcheck.checks.collator.padding import (
    check_mask,
    check_order,
    check_pad_id,
    check_shape,
    check_side,
    check_token_type_ids,
    check_tokens,
)
from pytest_ftcheck.checks.collator.ragged import affordable_examples, features, features_of_lengths, smallest_failure
from pytest_ftcheck.checks.collator.repetition import (
    check_determinism,
    check_extra_column,
    check_key_order,
    check_mutation,
    collate,
)
from pytest_ftcheck.errors import FtcheckError, unknown
from pytest_ftcheck.findings import Finding

LENGTHS_EXAMPLE = (50, 59, 47, 67, 59, 50, 62, 32)
ALWAYS = ((1,), (67,), (5, 5, 5), (8, 3, 16), (4,) * 8)
"""Lengths of rows in batches that are always judged: one row, equal rows, whole blocks with a short row."""

Invariant = Callable[[CollatorSubject, Features, Batch], list[Finding]]

INVARIANTS: Mapping[str, Invariant] = MappingProxyType(
    {
        "collator.shape": check_shape,
        "collator.tokens": check_tokens,
        "collator.order": check_order,
        "collator.side": check_side,
        "collator.pad_id": check_pad_id,
        "collator.mask": check_mask,
        "collator.token_type_ids": check_token_type_ids,
        "collator.labels": check_labels,
        "collator.dtype": check_dtype,
        "collator.mutation": check_mutation,
        "collator.determinism": check_determinism,
        "collator.key_order": check_key_order,
        "collator.extra_column": check_extra_column,
    }
)
"""Function of each check, by id; the first line of its docstring states the requirement."""


def check_invariant(name: str, subject: CollatorSubject, *, examples: int = 50) -> list[Finding]:
    """Run one invariant on generated ragged batches; return the findings of the smallest batch that breaks it.

    Args:
        name: a key of `INVARIANTS`, with or without ``collator.``.
        subject: the collator and the requirements on it.
        examples: number of batches, always the same ones; fewer if the collator pads to thousands of columns.

    Raises:
        FtcheckError: there is no such invariant.

    """
    name = name.removeprefix("collator.")
    check = f"collator.{name}"
    if check not in INVARIANTS:
        known = [key.removeprefix("collator.") for key in INVARIANTS]
        raise FtcheckError(unknown("collator invariant", name, known))
    few = min(examples, affordable_examples(subject))
    always = [features_of_lengths(subject, lengths) for lengths in ALWAYS]
    if subject.examples:
        always.append(list(subject.examples))
    return smallest_failure(features(subject), lambda rows: judge(check, subject, rows), examples=few, always=always)


def check_lengths_example(subject: CollatorSubject) -> list[Finding]:
    """Eight rows of 50, 59, 47, 67, 59, 50, 62 and 32 tokens give (8, 67), or the required multiple.

    If rows must be shorter, all are shortened by the same factor: truncated rows would have equal lengths.
    """
    longest = max(LENGTHS_EXAMPLE)
    limit = min(longest, subject.max_length)
    rows = features_of_lengths(subject, [max(1, length * limit // longest) for length in LENGTHS_EXAMPLE])
    return judge("collator.lengths_example", subject, rows)


def judge(check: str, subject: CollatorSubject, features: Features) -> list[Finding]:
    """Collate a copy of the features, and judge the batch by one check; never raises."""
    batch, refused = collate(check, subject, copy.deepcopy(features))
    if batch is None:
        return refused
    try:
        if check == "collator.lengths_example":
            return [replace(finding, check=check) for finding in check_shape(subject, features, batch)]
        return INVARIANTS[check](subject, features, batch)
    except Exception as error:  # noqa: BLE001 - fail closed: a batch that no check can read is a finding
        hint = "This check cannot read the batch: return a dict of dense tensors."
        return [batch_finding(check, features, "a batch of tensors", show_error(error), hint)]
