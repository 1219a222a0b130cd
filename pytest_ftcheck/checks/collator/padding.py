"""The padding invariants: requirements on the rows and columns of every batch.

Each is a pure function of the features and of the batch that the collator makes of them. Shapes: B rows, T columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.checks.collator.batches import (
    batch_finding,
    find_places,
    input_columns,
    lengths_of,
    padding_cells,
    plain_values,
    show_cells,
    show_list,
    show_some,
    side_of,
    special_id,
    start_of,
    unreadable_column,
)
from pytest_ftcheck.checks.collator.padding_rule import PaddingRule

if TYPE_CHECKING:
    from pytest_ftcheck.checks.collator.batches import Batch, CollatorSubject, Features
    from pytest_ftcheck.findings import Finding


def check_shape(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """Every input column is [B, T]: a row for each feature, as wide as the longest row or the required multiple.

    Assumes: a batch is as wide as its longest row, or as its padding rule requires.

    Unusual but healthy: undeclared widths are guessed: a multiple, a fixed width, a constant number of extra columns.

    False alarms: none by chance: the generated batches are the same in every session.
    """
    check = "collator.shape"
    if unreadable := unreadable_column(check, features, batch, "input_ids"):
        return unreadable
    lengths, rule, found = lengths_of(features), PaddingRule.of(subject), []
    rows, width = batch["input_ids"].shape
    longest = max(lengths, default=0)
    if rows != len(features):
        hint = "The collator drops or adds rows: return one row for each feature, also for the last ones."
        found.append(batch_finding(check, features, f"{len(features)} rows", f"{rows} rows", hint))
    if width not in rule.widths(longest):
        hint = _width_hint(rule, longest, width)
        found.append(batch_finding(check, features, rule.describe(longest), f"T = {width}", hint))
    for name in input_columns(subject, batch):
        value = batch[name]
        shape = tuple(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__
        if shape != (rows, width):
            hint = f"Pad {name} together with input_ids, in one tokenizer.pad(features, return_tensors='pt')."
            found.append(batch_finding(check, features, f"{name} of shape {(rows, width)}", f"{name} of {shape}", hint))
    return found


def check_tokens(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """No token is lost: the tokens of each feature are in one row of the batch, unchanged and adjacent.

    Assumes: the collator keeps every token.

    Unusual but healthy: dynamic truncation or masking in the collator fails: silence it.

    False alarms: none by chance: the generated batches are the same in every session.
    """
    check = "collator.tokens"
    if unreadable := unreadable_column(check, features, batch, "input_ids"):
        return unreadable
    lost = [row for row, place in enumerate(find_places(subject, features, batch)) if place is None]
    if not lost:
        return []
    rows = batch["input_ids"].tolist()
    wanted = show_list(plain_values(features[lost[0]]["input_ids"]))
    seen = f"row {lost[0]} is {show_list(rows[lost[0]])}" if lost[0] < len(rows) else f"there are only {len(rows)} rows"
    return [
        batch_finding(
            check,
            features,
            f"the tokens {wanted} of feature {lost[0]} in one row of input_ids",
            f"{seen}; {len(lost)} of {len(features)} features are not found",
            "The collator truncates, drops or changes tokens. Truncate when tokenizing (truncation=True keeps the "
            "special tokens), never in the collator; masking for a language model has no place here.",
        )
    ]


def check_order(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """Row i of the batch is feature i: the order is kept.

    Assumes: row i of a batch is feature i.

    Unusual but healthy: a collator that sorts rows and labels together only warns: the output of predict() is then in
    another order than the data set.

    False alarms: none by chance: the generated batches are the same in every session.
    """
    check = "collator.order"
    if unreadable := unreadable_column(check, features, batch, "input_ids"):
        return unreadable
    places = find_places(subject, features, batch)
    moved = [f"feature {row} in row {place.row}" for row, place in enumerate(places) if place and place.row != row]
    if not moved:
        return []
    hint = (
        "Sort or group rows in the sampler (train_sampling_strategy='group_by_length'), not in the collator: labels "
        "then belong to other rows, and predictions no longer line up with the data set."
    )
    return [batch_finding(check, features, "feature i in row i", show_some(moved), hint)]


def check_side(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """Padding is on the tokenizer's padding side.

    Assumes: the tokenizer has the right padding side.

    Unusual but healthy: a pipeline without a tokenizer is skipped.

    False alarms: none by chance: the generated batches are the same in every session.
    """
    check = "collator.side"
    if unreadable := unreadable_column(check, features, batch, "input_ids"):
        return unreadable
    side, width = side_of(subject), batch["input_ids"].shape[1]
    wrong = [
        f"row {place.row} has its {place.stop - place.start} tokens in columns {place.start} to {place.stop - 1}"
        for place in find_places(subject, features, batch)
        if place and place.stop > place.start and place.start != start_of(side, place.stop - place.start, width)
    ]
    if not wrong:
        return []
    hint = (
        f"tokenizer.padding_side is {side!r}, the collator pads elsewhere: use tokenizer.pad, which knows the side, or "
        "correct tokenizer.padding_side. A head that reads the last token reads padding otherwise."
    )
    return [batch_finding(check, features, f"padding on the {side} of T = {width} columns", show_some(wrong), hint)]


def check_pad_id(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """Padding positions of input_ids have the value tokenizer.pad_token_id.

    Assumes: the tokenizer has the right pad id.

    Unusual but healthy: a pipeline without a tokenizer is skipped.

    False alarms: none by chance: the generated batches are the same in every session.
    """
    check = "collator.pad_id"
    if unreadable := unreadable_column(check, features, batch, "input_ids"):
        return unreadable
    pad = special_id(subject.processing_class, "pad_token")
    expected = [] if pad is None else [pad]
    cells = padding_cells(find_places(subject, features, batch), batch["input_ids"].tolist())
    wrong = [(row, column, value) for row, column, value in cells if [value] != expected]
    if not wrong:
        return []
    if pad is None:
        hint = "The tokenizer has no pad token: set tokenizer.pad_token, for decoders to tokenizer.eos_token."
        return [batch_finding(check, features, "a pad token, because there is padding", show_cells(wrong), hint)]
    fill = wrong[0][2]
    hint = f"Pad with tokenizer.pad_token_id ({pad}). {fill} is a constant, or the pad_token_id of another tokenizer"
    own = getattr(subject.data_collator, "tokenizer", None)
    if own is not None and special_id(own, "pad_token") == fill:
        hint += ": data_collator.tokenizer is another one, with exactly this pad_token_id"
    return [batch_finding(check, features, f"{pad} on padding", show_cells(wrong), f"{hint}.")]


def check_mask(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """The attention mask is 1 on tokens (or the feature's value) and 0 on padding.

    Assumes: the mask distinguishes tokens from padding.

    Unusual but healthy: models without a mask are skipped; batches without a mask pass if nothing is padded.

    False alarms: none by chance: the generated batches are the same in every session.
    """
    check, name = "collator.mask", "attention_mask"
    input_names = getattr(subject.processing_class, "model_input_names", (name,))
    if not subject.takes_mask or (name not in subject.input_names and name not in input_names and name not in batch):
        return []
    if unreadable := unreadable_column(check, features, batch, "input_ids"):
        return unreadable
    if name not in batch and not _has_padding(features, batch):
        return []  # without a mask the model reads all columns as text, which is right without padding
    if unreadable := unreadable_column(check, features, batch, "input_ids", name):
        return unreadable
    ids, mask = batch["input_ids"].tolist(), batch[name].tolist()
    wrong: list[tuple[int, int, Any]] = []
    for place, feature in zip(find_places(subject, features, batch), features, strict=True):
        if place:
            tokens = plain_values(feature.get(name, [1] * (place.stop - place.start)))
            expected = [0] * place.start + tokens + [0] * (len(ids[place.row]) - place.stop)
            pairs = enumerate(zip(expected, mask[place.row], strict=True))
            wrong += [(place.row, column, seen) for column, (right, seen) in pairs if right != seen]
    if not wrong:
        return []
    return [
        batch_finding(
            check, features, "1 on tokens, 0 on padding", show_cells(wrong), _mask_hint(subject, ids, mask, wrong)
        )
    ]


def check_token_type_ids(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """Token type ids are unchanged on tokens and are tokenizer.pad_token_type_id on padding.

    Assumes: the tokenizer made the segments.

    Unusual but healthy: types that are all 0 may be dropped, and so may types that the tokenizer does not require.

    False alarms: none by chance: the generated batches are the same in every session.
    """
    check, name = "collator.token_type_ids", "token_type_ids"
    input_names = getattr(subject.processing_class, "model_input_names", (name,))
    if name not in subject.input_names or (name not in batch and name not in input_names):
        return []
    if name not in batch and not any(any(plain_values(feature[name])) for feature in features):
        return []  # one segment: all 0, which is also the model's default
    if unreadable := unreadable_column(check, features, batch, "input_ids", name):
        return unreadable
    pad, types = getattr(subject.processing_class, "pad_token_type_id", 0), batch[name].tolist()
    places = find_places(subject, features, batch)
    wrong = [cell for cell in padding_cells(places, types) if cell[2] != pad]
    found = []
    if wrong:
        hint = f"Pad token_type_ids with tokenizer.pad_token_type_id ({pad}), not with the pad id nor with 1."
        found.append(batch_finding(check, features, f"{pad} on padding", show_cells(wrong), hint))
    for row, (place, feature) in enumerate(zip(places, features, strict=True)):
        if place and (seen := types[place.row][place.start : place.stop]) != plain_values(feature[name]):
            hint = "The collator changes the segments, so that the model cannot distinguish the two texts: keep them."
            expected = f"{show_list(plain_values(feature[name]))} on the tokens of feature {row}"
            found.append(batch_finding(check, features, expected, show_list(seen), hint))
            break
    return found


def _has_padding(features: Features, batch: Batch) -> bool:
    width = batch["input_ids"].shape[1]
    masks = [plain_values(feature.get("attention_mask", [])) for feature in features]
    return any(length != width for length in lengths_of(features)) or any(0 in mask for mask in masks)


def _width_hint(rule: PaddingRule, longest: int, width: int) -> str:
    if width < longest:
        return "The collator truncates: truncate when tokenizing, which keeps the special tokens."
    multiple = rule.multiple
    if multiple and width % multiple:
        return f"T is no multiple of {multiple}: round up to -(-longest // {multiple}) * {multiple}."
    if multiple and longest % multiple == 0:
        return f"The longest row is a multiple of {multiple} already and gets an additional block of padding."
    if rule.fixed:
        return "padding='max_length' is not applied: pass padding and max_length to tokenizer.pad."
    if not rule.declared:
        return "If this width is intended, declare it: give the collator an attribute pad_to_multiple_of or padding."
    return "Every padding column costs time in every layer: pad to the longest row of the batch."


def _mask_hint(
    subject: CollatorSubject, ids: list[list[int]], mask: list[list[Any]], wrong: list[tuple[int, int, Any]]
) -> str:
    """Guess the cause of a wrong mask from its pattern."""
    pad = special_id(subject.processing_class, "pad_token")
    pairs = [pair for row, cells in zip(ids, mask, strict=True) for pair in zip(row, cells, strict=True)]
    causes = {
        f"It is built from input_ids != 0, but pad_token_id is {pad}.": pad != 0
        and all(seen == (token != 0) for token, seen in pairs),
        "It is built from input_ids != pad_token_id, but the text holds the pad token too.": all(
            ids[row][column] == pad and not seen for row, column, seen in wrong
        ),
        "It is inverted: 1 stands on padding, 0 on tokens.": len(wrong) == len(pairs),
        "It is 1 everywhere: the model reads padding as text.": all(seen == 1 for _, seen in pairs),
    }
    likely = " Or: ".join(cause for cause, fits in causes.items() if fits) or "It does not follow the tokens."
    return f"{likely} Use the features' attention_mask and pad it with 0, as tokenizer.pad does."
