"""What must hold of every batch that a data collator makes: the padding invariants.

Each invariant is a pure function of the features that went in and the batch that came out; `check_invariant` runs
one over generated ragged batches and reports the smallest batch that breaks it. Shapes: B rows, T columns.

One cause turns one invariant red as far as that can be told: a row is looked for in the whole batch first, and its
mask, its padding and its side are judged where it stands. A row that stands nowhere is reported by
`collator.tokens` alone. So the family is meant to be run as a whole.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import torch

from pytest_ftcheck.checks.batches import (
    Batch,
    CollatorSubject,
    Features,
    batch_finding,
    difference,
    input_columns,
    lengths_of,
    plain_values,
    same_number,
    show_error,
    show_list,
    side_of,
    unreadable_column,
)
from pytest_ftcheck.checks.padding import (
    check_mask,
    check_order,
    check_pad_id,
    check_shape,
    check_side,
    check_token_type_ids,
    check_tokens,
)
from pytest_ftcheck.checks.ragged import (
    affordable_examples,
    features,
    features_of_lengths,
    smallest_failure,
    special_id,
)
from pytest_ftcheck.errors import FtcheckError, unknown
from pytest_ftcheck.findings import Finding

LENGTHS_EXAMPLE = (50, 59, 47, 67, 59, 50, 62, 32)
IGNORED_LABEL = -100

Invariant = Callable[[CollatorSubject, Features, Batch], list[Finding]]


def check_labels(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """Labels are in the batch as `labels`, of shape [B], in the order of the features and with their value."""
    check, key = "collator.labels", subject.label_key
    without = [row for row, feature in enumerate(features) if feature.get(key) is None]
    if without:
        return [batch_finding(check, features, f"{key!r} in every feature", f"none in feature {without[0]}", "")]
    labels = batch.get("labels")
    if not isinstance(labels, torch.Tensor):
        hint = "The model takes `labels` and trains on nothing without them: hand the feature's label on"
        hint += "; rename `label` to `labels`." if "label" in batch else "."
        there = f"{type(labels).__name__} instead of a tensor" if "labels" in batch else f"only {sorted(batch)}"
        return [batch_finding(check, features, "a tensor `labels`", there, hint)]
    given = [plain_values(feature[key]) for feature in features]
    if all(isinstance(value, list) for value in given):
        return _check_label_rows(subject, features, batch, given)
    if labels.shape != (len(features),):
        hint = "One label for each row, in one dimension: [B, 1] against logits of [B] broadcasts to [B, B] in a loss."
        return [batch_finding(check, features, f"shape {(len(features),)}", f"shape {tuple(labels.shape)}", hint)]
    seen = labels.tolist()
    if all(same_number(left, right) for left, right in zip(given, seen, strict=True)):
        return []
    hint = "The collator changes labels: rounded to whole numbers, shifted by one, or taken from another column?"
    if all(same_number(left, right) for left, right in zip(sorted(given), sorted(seen), strict=True)):
        hint = "These are the right labels in another order: rolled, or sorted apart from their rows."
    return [batch_finding(check, features, f"labels {show_list(given)}", f"labels {show_list(seen)}", hint)]


def check_dtype(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """Input columns are int64; labels are int64, or float32 for regression."""
    check = "collator.dtype"
    if unreadable := unreadable_column(check, features, batch, "input_ids"):
        return unreadable
    expected = dict.fromkeys(input_columns(subject, batch), torch.int64)
    if "labels" in batch:
        expected["labels"] = torch.float32 if subject.head == "regression" else torch.int64
    hints = {
        torch.int64: "Make it with dtype=torch.long: embeddings and cross entropy index with int64.",
        torch.float32: "Make it with dtype=torch.float32: num_labels == 1 means a mean squared error in float32.",
    }
    seen = {name: getattr(batch[name], "dtype", type(batch[name]).__name__) for name in expected}
    return [
        batch_finding(check, features, f"{name} of {right}", f"{name} of {seen[name]}", hints[right])
        for name, right in expected.items()
        if seen[name] != right
    ]


def check_mutation(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:  # noqa: ARG001
    """The features are the same after the collator has run.

    Runs the collator once more, on a copy.
    """
    check, given = "collator.mutation", copy.deepcopy(features)
    again, refused = _collate(check, subject, given)
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
    """The same features give the same batch.

    Runs the collator once more.
    """
    hint = (
        "The collator draws random numbers or remembers earlier batches: evaluation then differs from run to run. "
        "Move augmentation into the training data set."
    )
    return _same_again("collator.determinism", subject, features, features, batch, hint=hint)


def check_key_order(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """The order of a feature's keys makes no difference.

    Runs the collator once more.
    """
    turned = []
    for row, feature in enumerate(features):
        keys = list(feature)
        shift = (row + 1) % len(keys)
        turned.append({key: feature[key] for key in keys[shift:] + keys[:shift]})
    hint = "The collator goes by position (feature.values()): take each column by its name."
    return _same_again("collator.key_order", subject, features, turned, batch, hint=hint)


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
    }
)
"""Id of the check to its function; the first line of each docstring says what must hold."""


def check_invariant(name: str, subject: CollatorSubject, *, examples: int = 50) -> list[Finding]:
    """Run one invariant over generated ragged batches; return the findings of the smallest batch that breaks it.

    Args:
        name: a key of `INVARIANTS`, with or without ``collator.``.
        subject: the collator and what it has to get right.
        examples: batches to generate, always the same ones; fewer where the collator pads to thousands of columns.

    Raises:
        FtcheckError: there is no such invariant.

    """
    name = name.removeprefix("collator.")
    check = f"collator.{name}"
    if check not in INVARIANTS:
        known = [key.removeprefix("collator.") for key in INVARIANTS]
        raise FtcheckError(unknown("collator invariant", name, known))
    few = min(examples, affordable_examples(subject))
    return smallest_failure(features(subject), lambda rows: judge(check, subject, rows), examples=few)


def check_lengths_example(subject: CollatorSubject) -> list[Finding]:
    """Eight rows of 50, 59, 47, 67, 59, 50, 62 and 32 tokens give (8, 67), or the multiple asked for."""
    rows = features_of_lengths(subject, LENGTHS_EXAMPLE)
    return judge("collator.lengths_example", subject, rows)


def judge(check: str, subject: CollatorSubject, features: Features) -> list[Finding]:
    """Collate the features, of which a copy is used, and judge the batch by one check; never raises."""
    batch, refused = _collate(check, subject, copy.deepcopy(features))
    if batch is None:
        return refused
    try:
        if check == "collator.lengths_example":
            return [replace(finding, check=check) for finding in check_shape(subject, features, batch)]
        return INVARIANTS[check](subject, features, batch)
    except Exception as error:  # noqa: BLE001 - fail closed: a batch that no check can read is a finding
        hint = "The batch is of a kind that this check cannot read: return a dict of dense tensors."
        return [batch_finding(check, features, "a batch of tensors", show_error(error), hint)]


def _collate(check: str, subject: CollatorSubject, features: Features) -> tuple[Batch | None, list[Finding]]:
    """Call the collator; a refusal or a batch that is no mapping becomes a finding."""
    try:
        # Advice such as "max_length is ignored" is no defect, and must not become one under `-W error`.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            batch = subject.data_collator(features)
    except Exception as error:  # noqa: BLE001 - a collator that raises is a finding, whatever it raises
        hint = "The training stops at such a batch. Call the collator on these features to see the traceback."
        if special_id(subject.processing_class, "pad_token") is None:
            hint = "The tokenizer has no pad token: set tokenizer.pad_token, for decoders to tokenizer.eos_token."
        elif len(set(lengths_of(features))) > 1:
            hint = (
                "Ragged batch refused: use DataCollatorWithPadding(tokenizer), or pad all rows to one length when "
                "tokenizing. " + hint
            )
        return None, [batch_finding(check, features, "a batch", show_error(error), hint)]
    if not isinstance(batch, Mapping):
        hint = "Return a dict (or BatchEncoding): Trainer passes the batch to the model as keyword arguments."
        return None, [batch_finding(check, features, "a mapping of tensors", type(batch).__name__, hint)]
    return batch, []


def _same_again(
    check: str, subject: CollatorSubject, features: Features, given: Features, batch: Batch, *, hint: str
) -> list[Finding]:
    again, refused = _collate(check, subject, copy.deepcopy(given))
    if again is None:
        return refused
    change = difference(dict(batch), dict(again), "batch")
    if change is None:
        return []
    where, first, second = change
    return [batch_finding(check, features, f"{where} is {first} again", f"{where} is {second}", hint)]


def _check_label_rows(subject: CollatorSubject, features: Features, batch: Batch, given: list[Any]) -> list[Finding]:
    """Judge labels that are lists: one for each token [B, T], padded with -100, or a vector for each row [B, C]."""
    seen, expected = batch["labels"].tolist(), given
    if [len(labels) for labels in given] == lengths_of(features):
        if unreadable := unreadable_column("collator.labels", features, batch, "input_ids", "labels"):
            return unreadable
        width, side, expected = batch["labels"].shape[1], side_of(subject), []
        for labels in given:
            ignored = [IGNORED_LABEL] * (width - len(labels))
            expected.append(ignored + labels if side == "left" else labels + ignored)
    for row in range(max(len(expected), len(seen))):
        right, wrong = expected[row : row + 1], seen[row : row + 1]
        if right != wrong:
            hint = f"Pad labels with {IGNORED_LABEL}, as DataCollatorForTokenClassification does: a loss ignores it."
            return [batch_finding("collator.labels", features, f"row {row}: {right}", f"row {row}: {wrong}", hint)]
    return []
