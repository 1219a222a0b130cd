"""Checks that call a data collator again: its input stays unchanged, and equal features give equal batches.

Each check runs the collator again on the same features, or on features with an irrelevant change.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from pytest_ftcheck.checks.collator.batches import (
    Batch,
    CollatorSubject,
    Features,
    batch_finding,
    difference,
    input_columns,
    lengths_of,
    plain_values,
    show_error,
    special_id,
)

if TYPE_CHECKING:
    from pytest_ftcheck.findings import Finding

_RAGGED = (8, 3, 5)
_EXTRA = "ftcheck_extra"
"""A column that no model takes."""


def collate(check: str, subject: CollatorSubject, features: Features) -> tuple[Batch | None, list[Finding]]:
    """Call the collator; an error, or a batch that is not a mapping, becomes a finding."""
    try:
        # Warnings such as "max_length is ignored" are no defects, and must not become errors under `-W error`.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            batch = subject.data_collator(features)
    except Exception as error:  # noqa: BLE001 - a collator that raises is a finding, whatever it raises
        hint = "The training stops at such a batch. Call the collator on these features to see the traceback."
        if special_id(subject.processing_class, "pad_token") is None:
            hint = "The tokenizer has no pad token: set tokenizer.pad_token, for decoders to tokenizer.eos_token."
        elif len(set(lengths_of(features))) > 1:
            hint = (
                "The collator refuses a ragged batch: use DataCollatorWithPadding(tokenizer), or pad all rows when "
                "tokenizing. " + hint
            )
        return None, [batch_finding(check, features, "a batch", show_error(error), hint)]
    if not isinstance(batch, Mapping):
        hint = "Return a dict (or BatchEncoding): Trainer passes the batch to the model as keyword arguments."
        return None, [batch_finding(check, features, "a mapping of tensors", type(batch).__name__, hint)]
    return batch, []


def check_mutation(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:  # noqa: ARG001 - every check of a batch is called with these three
    """The features are the same after the collator has run.

    Assumes: features belong to the data set.

    Unusual but healthy: a collator that pops labels fails even if the rows are created for each batch and nothing is
    lost.

    False alarms: none by chance: the generated batches are the same in every session.
    """
    check, given = "collator.mutation", copy.deepcopy(features)
    again, refused = collate(check, subject, given)
    if again is None:
        return refused
    change = difference(features, given, "features")
    if change is None:
        return []
    where, before, after = change
    hint = (
        "The collator writes into its input (feature.pop('labels'), feature['input_ids'] += ...): the next epoch sees "
        "other rows. Build new dictionaries and lists."
    )
    return [batch_finding(check, features, f"{where} stays {before}", f"{where} is {after}", hint)]


def check_determinism(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """The same features give the same batch, whatever batch was made in between.

    Assumes: a collator is a function of its features.

    Unusual but healthy: augmentation in the collator, such as random masking, fails: silence it, or move the
    augmentation into the data set.

    False alarms: none by chance: the generated batches are the same in every session.
    """
    between, refused = collate("collator.determinism", subject, copy.deepcopy(features[::-1]))
    if between is None:
        return refused
    hint = (
        "The collator draws random numbers or remembers earlier batches: evaluation then differs from run to run. "
        "Move augmentation into the training data set."
    )
    return _same_again("collator.determinism", subject, features, features, batch, hint=hint)


def check_key_order(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """The order of a feature's keys makes no difference.

    Assumes: columns are taken by name.

    Unusual but healthy: rows as tuples are not covered: a feature is a mapping.

    False alarms: none by chance: the generated batches are the same in every session.
    """
    turned = []
    for row, feature in enumerate(features):
        keys = list(feature)
        shift = (row + 1) % len(keys)
        turned.append({key: feature[key] for key in keys[shift:] + keys[:shift]})
    hint = "The collator takes columns by position (feature.values()): take each column by its name."
    return _same_again("collator.key_order", subject, features, turned, batch, hint=hint)


def check_extra_column(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """An additional column of the features is refused, dropped or kept, and changes nothing else.

    Assumes: columns are taken by name.

    Unusual but healthy: a collator may refuse, drop or keep a column that it does not know.

    False alarms: none by chance: the generated batches are the same in every session.
    """
    check, rows = "collator.extra_column", range(len(features))
    hint = "The collator mistakes an unknown column for a known one: select columns by name, drop or refuse the others."
    for values in ([3 + row for row in rows], [f"text of row {row}" for row in rows]):
        given = [{**feature, _EXTRA: value} for feature, value in zip(features, values, strict=True)]
        again, _ = collate(check, subject, copy.deepcopy(given))
        if again is None:
            continue  # refused
        handed_on = plain_values(again.get(_EXTRA, values))
        if len(handed_on) == len(values) and handed_on != values:
            expected = f"column {_EXTRA!r} of the features refused, dropped, or {values}"
            return [batch_finding(check, features, expected, f"{handed_on}", hint)]
        if found := _same_content(check, subject, features, batch, again, how=f"with a column {_EXTRA!r}", hint=hint):
            return found
    return []


def _same_content(
    check: str, subject: CollatorSubject, features: Features, batch: Batch, again: Batch, *, how: str, hint: str
) -> list[Finding]:
    """Compare input columns and labels by value; further columns that a collator adds may change each time."""
    for name in [*input_columns(subject, batch), *(name for name in (*subject.label_keys, "labels") if name in batch)]:
        first, second = torch.as_tensor(batch[name]), torch.as_tensor(again[name]) if name in again else None
        if second is None or first.shape != second.shape or not torch.allclose(first.double(), second.double()):
            seen = "no such column" if second is None else str(second.tolist())
            return [batch_finding(check, features, f"{name} {first.tolist()} also {how}", seen, hint)]
    return []


def _same_again(
    check: str, subject: CollatorSubject, features: Features, given: Features, batch: Batch, *, hint: str
) -> list[Finding]:
    again, refused = collate(check, subject, copy.deepcopy(given))
    if again is None:
        return refused
    change = difference(dict(batch), dict(again), "batch")
    if change is None:
        return []
    where, first, second = change
    return [batch_finding(check, features, f"{where} is {first} again", f"{where} is {second}", hint)]
