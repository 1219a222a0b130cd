"""Checks of the labels and dtypes of every batch that a data collator makes.

Shapes: B rows, T columns, C values of a row that has several labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.checks.collator.batches import (
    batch_finding,
    input_columns,
    lengths_of,
    plain_values,
    same_number,
    show_list,
    side_of,
    unreadable_column,
)
from pytest_ftcheck.heads.traits import IGNORED, LABEL_PER_ROW, LABEL_PER_TOKEN, LABEL_SETS

if TYPE_CHECKING:
    from pytest_ftcheck.checks.collator.batches import Batch, CollatorSubject, Features
    from pytest_ftcheck.findings import Finding

# Values 0 and 1 have the same effect in all of these dtypes; a mask made by `ids != pad_token_id` is bool.
_MASK_DTYPES = (torch.int64, torch.bool, torch.int32, torch.float32)


def check_labels(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """Labels are in the batch as `labels`, of shape [B], in the order of the features and with their value.

    Assumes: each row has a label, which the batch holds as `labels`.

    Unusual but healthy: a label for each token, and several values for each row, pass. Soft or mixed labels that a
    collator makes fail.

    False alarms: none by chance: the generated batches are the same in every session.
    """
    return (_check_labels if len(subject.label_keys) == 1 else _check_positions)(subject, features, batch)


def _check_labels(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """Judge labels that are in one column."""
    check, key = "collator.labels", subject.label_key
    without = [row for row, feature in enumerate(features) if feature.get(key) is None]
    if without:
        return [batch_finding(check, features, f"{key!r} in every feature", f"none in feature {without[0]}", "")]
    labels = batch.get("labels")
    if not isinstance(labels, torch.Tensor):
        hint = "The model takes `labels` and has no loss without them: keep the feature's label"
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
        hint = "The labels are right but in another order: rolled, or sorted separately from their rows."
    return [batch_finding(check, features, f"labels {show_list(given)}", f"labels {show_list(seen)}", hint)]


def check_dtype(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """Token ids are int64; labels are int64, or float32 for regression with the model's own loss.

    Assumes: token ids and class ids are int64, labels of a regression float32.

    Unusual but healthy: masks of bool or float, and int64 labels for a loss of the user's own, pass.

    False alarms: none by chance: the generated batches are the same in every session.
    """
    check = "collator.dtype"
    if unreadable := unreadable_column(check, features, batch, "input_ids"):
        return unreadable
    expected: dict[str, tuple[torch.dtype, ...]] = dict.fromkeys(input_columns(subject, batch), (torch.int64,))
    if "attention_mask" in expected:
        expected["attention_mask"] = _MASK_DTYPES
    names = subject.head_rules.labels.dtypes(own_loss=subject.own_loss)
    for key in subject.label_keys if len(subject.label_keys) > 1 else ("labels",):
        if key in batch:
            expected[key] = tuple(getattr(torch, name) for name in names)
    hints = {
        torch.int64: "Make it with dtype=torch.long: embeddings and cross entropy index with int64.",
        torch.float32: "Make it with dtype=torch.float32: num_labels == 1 means a mean squared error in float32.",
    }
    if LABEL_SETS in subject.head_rules.traits:
        hints[torch.float32] = "Make it with dtype=torch.float32: binary cross entropy takes floats."
    seen = {name: getattr(batch[name], "dtype", type(batch[name]).__name__) for name in expected}
    return [
        batch_finding(check, features, f"{name} of {right[0]}", f"{name} of {seen[name]}", hints[right[0]])
        for name, right in expected.items()
        if seen[name] not in right
    ]


def _check_positions(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """Judge first and last token, each a column [B] of its own: padding on the right does not move them."""
    for key in subject.label_keys:
        given, seen = [plain_values(feature[key]) for feature in features], batch.get(key)
        if not isinstance(seen, torch.Tensor) or seen.tolist() != given:
            observed = seen.tolist() if isinstance(seen, torch.Tensor) else f"only {sorted(batch)}"
            hint = "Keep the positions unchanged, one for each row: the model computes its loss from them."
            return [batch_finding("collator.labels", features, f"{key} {show_list(given)}", f"{observed}", hint)]
    return []


def _check_label_rows(subject: CollatorSubject, features: Features, batch: Batch, given: list[Any]) -> list[Finding]:
    """Judge labels that are lists: one for each token [B, T], padded with -100, or a vector for each row [B, C].

    With a head of several labels for each row, a list is a vector; with other heads, it has one label for each token.
    """
    seen, expected = batch["labels"].tolist(), given
    if {LABEL_PER_ROW, LABEL_PER_TOKEN} & subject.head_rules.traits and [len(labels) for labels in given] == lengths_of(
        features
    ):
        if unreadable := unreadable_column("collator.labels", features, batch, "input_ids", "labels"):
            return unreadable
        width, side, expected = batch["labels"].shape[1], side_of(subject), []
        for labels in given:
            ignored = [IGNORED] * (width - len(labels))
            expected.append(ignored + labels if side == "left" else labels + ignored)
    for row in range(max(len(expected), len(seen))):
        right, wrong = expected[row : row + 1], seen[row : row + 1]
        if not _same(right, wrong):
            hint = f"Pad labels with {IGNORED}, as DataCollatorForTokenClassification does: a loss ignores it."
            if LABEL_SETS in subject.head_rules.traits:
                hint = "Keep the vector of each row unchanged, one number for each label."
            return [batch_finding("collator.labels", features, f"row {row}: {right}", f"row {row}: {wrong}", hint)]
    return []


def _same(left: Any, right: Any) -> bool:
    """Compare lists of labels; fractions of votes are compared in the precision of float32."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return same_number(left, right)
