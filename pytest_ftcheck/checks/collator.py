"""What must hold of every batch that a data collator makes: the padding invariants.

Each invariant is a pure function of the features that went in and the batch that came out; `check_invariant` runs
one over generated ragged batches and reports the smallest batch that breaks it. Shapes: B rows, T columns.

One cause turns one invariant red as far as that can be told: a row is looked for in the whole batch first, and its
mask, its padding and its side are judged where it stands. A row that stands nowhere is reported by
`collator.tokens` alone. So the family is meant to be run as a whole.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.checks.ragged import (
    PaddingRule,
    affordable_examples,
    features,
    features_of_lengths,
    smallest_failure,
    special_id,
)
from pytest_ftcheck.errors import DataError, FtcheckError, TaskError, unknown
from pytest_ftcheck.findings import Finding

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

HEADS = ("sequence-classification", "regression")
COLUMNS = ("input_ids", "token_type_ids", "attention_mask", "special_tokens_mask")
LENGTHS_EXAMPLE = (50, 59, 47, 67, 59, 50, 62, 32)
IGNORED_LABEL = -100
_MATRIX = 2  # dimensions of [B, T]
_MOST_SHOWN = 12


@dataclass(frozen=True)
class CollatorSubject:
    """A data collator, and what it has to get right."""

    data_collator: Callable[[list[dict[str, Any]]], Any]
    """From features to a mapping of tensors."""
    processing_class: PreTrainedTokenizerBase
    """The tokenizer: it says the pad ids and the padding side."""
    head: str
    """One of `HEADS`."""
    num_labels: int
    """Number of classes; 1 for regression."""
    input_names: tuple[str, ...]
    """The columns of a feature besides its label, out of `COLUMNS`."""
    vocab_size: int
    """Ids lie in [0, vocab_size)."""
    max_length: int
    """Tokens of the longest row that may come."""
    label_key: str = "labels"
    """The label's key in a feature, ``labels`` or ``label``; in the batch it is always ``labels``."""
    fixed_length: bool = False
    """All rows are padded to one length when they are tokenized, as `default_data_collator` needs it."""

    def __post_init__(self) -> None:
        """Refuse a subject for which no features can be made."""
        if self.head not in HEADS:
            raise TaskError(unknown("head", self.head, HEADS))
        for name in self.input_names:
            if name not in COLUMNS:
                raise DataError(unknown("column", name, COLUMNS, "Remove it before the collator: no model takes it."))
        if "input_ids" not in self.input_names:
            msg = f"input_names {self.input_names} lack 'input_ids'. Tokenize the data set first."
            raise DataError(msg)
        if self.vocab_size < 1 or self.max_length < 1:
            msg = f"vocab_size ({self.vocab_size}) and max_length ({self.max_length}) must be at least 1."
            raise DataError(msg)


Features = list[dict[str, Any]]
Batch = Mapping[str, Any]  # of tensors, if the collator is sound
Invariant = Callable[[CollatorSubject, Features, Batch], list[Finding]]


# -- the invariants ---------------------------------------------------------------------------------------------------


def check_shape(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """Every input column is [B, T]: a row for each feature, as wide as the longest row or the multiple asked for."""
    check = "collator.shape"
    if unreadable := _unreadable(check, features, batch, "input_ids"):
        return unreadable
    lengths, rule, found = _lengths(features), PaddingRule.of(subject), []
    rows, width = batch["input_ids"].shape
    longest = max(lengths, default=0)
    if rows != len(features):
        hint = "The collator drops or adds rows: return one row for each feature, also for the last ones."
        found.append(_finding(check, features, f"{len(features)} rows", f"{rows} rows", hint))
    if width not in rule.widths(longest):
        hint = _width_hint(rule, longest, width)
        found.append(_finding(check, features, rule.describe(longest), f"T = {width}", hint))
    for name in _input_columns(subject, batch):
        value = batch[name]
        shape = tuple(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__
        if shape != (rows, width):
            hint = f"Pad {name} together with input_ids, in one tokenizer.pad(features, return_tensors='pt')."
            found.append(_finding(check, features, f"{name} of shape {(rows, width)}", f"{name} of {shape}", hint))
    return found


def check_tokens(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """Nothing is lost: the tokens of each feature stand unchanged and side by side in one row of the batch."""
    check = "collator.tokens"
    if unreadable := _unreadable(check, features, batch, "input_ids"):
        return unreadable
    lost = [row for row, place in enumerate(_places(subject, features, batch)) if place is None]
    if not lost:
        return []
    rows = batch["input_ids"].tolist()
    seen = f"row {lost[0]} is {_show(rows[lost[0]])}" if lost[0] < len(rows) else f"there are only {len(rows)} rows"
    return [
        _finding(
            check,
            features,
            f"the tokens {_show(_values(features[lost[0]]['input_ids']))} of feature {lost[0]} in one row of input_ids",
            f"{seen}; {len(lost)} of {len(features)} features are not found",
            "The collator truncates, drops or changes tokens. Truncate when tokenizing (truncation=True keeps the "
            "special tokens), never in the collator; masking for a language model has no place here.",
        )
    ]


def check_order(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """Row i of the batch is feature i: the order is kept."""
    check = "collator.order"
    if unreadable := _unreadable(check, features, batch, "input_ids"):
        return unreadable
    places = _places(subject, features, batch)
    moved = [f"feature {row} in row {place.row}" for row, place in enumerate(places) if place and place.row != row]
    if not moved:
        return []
    hint = (
        "Sort or group rows in the sampler (train_sampling_strategy='group_by_length'), not in the collator: labels "
        "then belong to other rows, and predictions no longer line up with the data set."
    )
    return [_finding(check, features, "feature i in row i", _join(moved), hint)]


def check_side(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """Padding stands on the tokenizer's padding side."""
    check = "collator.side"
    if unreadable := _unreadable(check, features, batch, "input_ids"):
        return unreadable
    side, width = _side(subject), batch["input_ids"].shape[1]
    wrong = [
        f"row {place.row} has its {place.stop - place.start} tokens in columns {place.start} to {place.stop - 1}"
        for place in _places(subject, features, batch)
        if place and place.stop > place.start and place.start != _start(side, place.stop - place.start, width)
    ]
    if not wrong:
        return []
    hint = (
        f"tokenizer.padding_side is {side!r}, the collator pads elsewhere: use tokenizer.pad, which knows the side, or "
        "correct tokenizer.padding_side. A head that reads the last token reads padding otherwise."
    )
    return [_finding(check, features, f"padding on the {side} of T = {width} columns", _join(wrong), hint)]


def check_pad_id(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """Padding positions of input_ids hold tokenizer.pad_token_id."""
    check = "collator.pad_id"
    if unreadable := _unreadable(check, features, batch, "input_ids"):
        return unreadable
    pad = special_id(subject.processing_class, "pad_token")
    expected = [] if pad is None else [pad]
    cells = _padding_cells(_places(subject, features, batch), batch["input_ids"].tolist())
    wrong = [(row, column, value) for row, column, value in cells if [value] != expected]
    if not wrong:
        return []
    if pad is None:
        hint = "The tokenizer has no pad token: set tokenizer.pad_token, for decoders to tokenizer.eos_token."
        return [_finding(check, features, "a pad token, for the padding that is there", _cells(wrong), hint)]
    fill = wrong[0][2]
    hint = f"Pad with tokenizer.pad_token_id ({pad}). {fill} is a constant, or the pad_token_id of another tokenizer"
    own = getattr(subject.data_collator, "tokenizer", None)
    if own is not None and special_id(own, "pad_token") == fill:
        hint += ": data_collator.tokenizer is one, with this very pad_token_id"
    return [_finding(check, features, f"{pad} on padding", _cells(wrong), f"{hint}.")]


def check_mask(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """The attention mask is 1 on tokens (or as the feature had it) and 0 on padding."""
    check, name = "collator.mask", "attention_mask"
    asked = getattr(subject.processing_class, "model_input_names", (name,))
    if name not in subject.input_names and name not in asked and name not in batch:
        return []
    if unreadable := _unreadable(check, features, batch, "input_ids", name):
        return unreadable
    ids, mask = batch["input_ids"].tolist(), batch[name].tolist()
    wrong: list[tuple[int, int, Any]] = []
    for place, feature in zip(_places(subject, features, batch), features, strict=True):
        if place:
            tokens = _values(feature.get(name, [1] * (place.stop - place.start)))
            expected = [0] * place.start + tokens + [0] * (len(ids[place.row]) - place.stop)
            pairs = enumerate(zip(expected, mask[place.row], strict=True))
            wrong += [(place.row, column, seen) for column, (right, seen) in pairs if right != seen]
    if not wrong:
        return []
    return [
        _finding(check, features, "1 on tokens, 0 on padding", _cells(wrong), _mask_hint(subject, ids, mask, wrong))
    ]


def check_token_type_ids(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """Token type ids stay as they were on tokens and are tokenizer.pad_token_type_id on padding."""
    check, name = "collator.token_type_ids", "token_type_ids"
    asked = getattr(subject.processing_class, "model_input_names", (name,))
    if name not in subject.input_names or (name not in batch and name not in asked):
        return []
    if unreadable := _unreadable(check, features, batch, "input_ids", name):
        return unreadable
    pad, types = getattr(subject.processing_class, "pad_token_type_id", 0), batch[name].tolist()
    places = _places(subject, features, batch)
    wrong = [cell for cell in _padding_cells(places, types) if cell[2] != pad]
    found = []
    if wrong:
        hint = f"Pad token_type_ids with tokenizer.pad_token_type_id ({pad}), not with the pad id nor with 1."
        found.append(_finding(check, features, f"{pad} on padding", _cells(wrong), hint))
    for row, (place, feature) in enumerate(zip(places, features, strict=True)):
        if place and (seen := types[place.row][place.start : place.stop]) != _values(feature[name]):
            hint = "The collator changes the segments: the model no longer tells the two texts apart."
            expected = f"{_show(_values(feature[name]))} on the tokens of feature {row}"
            found.append(_finding(check, features, expected, _show(seen), hint))
            break
    return found


def check_labels(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """Labels are in the batch as `labels`, of shape [B], in the order of the features and with their value."""
    check, key = "collator.labels", subject.label_key
    without = [row for row, feature in enumerate(features) if feature.get(key) is None]
    if without:
        return [_finding(check, features, f"{key!r} in every feature", f"none in feature {without[0]}", "")]
    labels = batch.get("labels")
    if not isinstance(labels, torch.Tensor):
        hint = "The model takes `labels` and trains on nothing without them: hand the feature's label on"
        hint += "; rename `label` to `labels`." if "label" in batch else "."
        there = f"{type(labels).__name__} instead of a tensor" if "labels" in batch else f"only {sorted(batch)}"
        return [_finding(check, features, "a tensor `labels`", there, hint)]
    given = [_values(feature[key]) for feature in features]
    if all(isinstance(value, list) for value in given):
        return _check_label_rows(subject, features, batch, given)
    if labels.shape != (len(features),):
        hint = "One label for each row, in one dimension: [B, 1] against logits of [B] broadcasts to [B, B] in a loss."
        return [_finding(check, features, f"shape {(len(features),)}", f"shape {tuple(labels.shape)}", hint)]
    seen = labels.tolist()
    if all(_same_number(left, right) for left, right in zip(given, seen, strict=True)):
        return []
    hint = "The collator changes labels: rounded to whole numbers, shifted by one, or taken from another column?"
    if all(_same_number(left, right) for left, right in zip(sorted(given), sorted(seen), strict=True)):
        hint = "These are the right labels in another order: rolled, or sorted apart from their rows."
    return [_finding(check, features, f"labels {_show(given)}", f"labels {_show(seen)}", hint)]


def check_dtype(subject: CollatorSubject, features: Features, batch: Batch) -> list[Finding]:
    """Input columns are int64; labels are int64, or float32 for regression."""
    check = "collator.dtype"
    if unreadable := _unreadable(check, features, batch, "input_ids"):
        return unreadable
    expected = dict.fromkeys(_input_columns(subject, batch), torch.int64)
    if "labels" in batch:
        expected["labels"] = torch.float32 if subject.head == "regression" else torch.int64
    hints = {
        torch.int64: "Make it with dtype=torch.long: embeddings and cross entropy index with int64.",
        torch.float32: "Make it with dtype=torch.float32: num_labels == 1 means a mean squared error in float32.",
    }
    seen = {name: getattr(batch[name], "dtype", type(batch[name]).__name__) for name in expected}
    return [
        _finding(check, features, f"{name} of {right}", f"{name} of {seen[name]}", hints[right])
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
    change = _difference(features, given, "features")
    if change is None:
        return []
    where, before, after = change
    hint = (
        "The collator writes into its input (feature.pop('labels'), feature['input_ids'] += ...): the next epoch sees "
        "other rows. Build new dictionaries and lists."
    )
    return [_finding(check, features, f"{where} stays {before}", f"{where} is {after}", hint)]


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


# -- running them -----------------------------------------------------------------------------------------------------


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
            return [_renamed(finding, check) for finding in check_shape(subject, features, batch)]
        return INVARIANTS[check](subject, features, batch)
    except Exception as error:  # noqa: BLE001 - fail closed: a batch that no check can read is a finding
        hint = "The batch is of a kind that this check cannot read: return a dict of dense tensors."
        return [_finding(check, features, "a batch of tensors", f"{type(error).__name__}: {_clip(error)}", hint)]


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
        elif len(set(_lengths(features))) > 1:
            hint = (
                "Ragged batch refused: use DataCollatorWithPadding(tokenizer), or pad all rows to one length when "
                "tokenizing. " + hint
            )
        return None, [_finding(check, features, "a batch", f"{type(error).__name__}: {_clip(error)}", hint)]
    if not isinstance(batch, Mapping):
        hint = "Return a dict (or BatchEncoding): Trainer passes the batch to the model as keyword arguments."
        return None, [_finding(check, features, "a mapping of tensors", type(batch).__name__, hint)]
    return batch, []


def _same_again(
    check: str, subject: CollatorSubject, features: Features, given: Features, batch: Batch, *, hint: str
) -> list[Finding]:
    again, refused = _collate(check, subject, copy.deepcopy(given))
    if again is None:
        return refused
    change = _difference(dict(batch), dict(again), "batch")
    if change is None:
        return []
    where, first, second = change
    return [_finding(check, features, f"{where} is {first} again", f"{where} is {second}", hint)]


# -- where the rows stand ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """The tokens of one feature: columns [start, stop) of a row of the batch."""

    row: int
    start: int
    stop: int


def _places(subject: CollatorSubject, features: Features, batch: Batch) -> list[_Place | None]:
    """Look for each feature's tokens: in its own row, then in a row that is not itself in place, else None.

    Example: features [[7, 8, 9], [5]] in the batch [[5, 0, 0], [7, 8, 9]] (pad id 0) stand in row 1, columns [0, 3),
    and in row 0, columns [0, 1).
    """
    rows: list[list[int]] = batch["input_ids"].tolist()
    tokens = [_values(feature["input_ids"]) for feature in features]
    pad, side = special_id(subject.processing_class, "pad_token"), _side(subject)

    def find(feature: int, row: int, *, exactly: bool) -> _Place | None:
        wanted, cells = tokens[feature], rows[row]
        for start in dict.fromkeys((_start(side, len(wanted), len(cells)), 0, len(cells) - len(wanted))):
            stop = start + len(wanted)
            if start >= 0 and cells[start:stop] == wanted:
                rest = cells[:start] + cells[stop:]
                if not exactly or all(cell == pad for cell in rest):
                    return _Place(row, start, stop)
        return None

    own = [find(row, row, exactly=True) if row < len(rows) else None for row in range(len(tokens))]
    free = [row for row in range(len(rows)) if row >= len(own) or own[row] is None]

    def elsewhere(feature: int, *, exactly: bool) -> _Place | None:
        found = (find(feature, row, exactly=exactly) for row in free if row != feature)
        return next((place for place in found if place is not None), None)

    # A row with the right padding is the better match: a short row may also stand at the head of a longer one.
    return [
        place
        or elsewhere(row, exactly=True)
        or (find(row, row, exactly=False) if row < len(rows) else None)
        or elsewhere(row, exactly=False)
        for row, place in enumerate(own)
    ]


def _side(subject: CollatorSubject) -> str:
    return str(getattr(subject.processing_class, "padding_side", "right"))


def _start(side: str, length: int, width: int) -> int:
    return width - length if side == "left" else 0


def _padding_cells(places: list[_Place | None], rows: list[list[Any]]) -> list[tuple[int, int, Any]]:
    """Return (row, column, value) of every cell beside the tokens."""
    return [
        (place.row, column, value)
        for place in places
        if place
        for column, value in enumerate(rows[place.row])
        if not place.start <= column < place.stop
    ]


# -- reading features and batches -------------------------------------------------------------------------------------


def _unreadable(check: str, features: Features, batch: Batch, *names: str) -> list[Finding]:
    """Return a finding for the first column that is not there, not a matrix, or not as large as the first one."""
    for name in names:
        value = batch.get(name)
        if value is None:
            hint = f"Hand {name} on, or let tokenizer.pad make it."
            return [_finding(check, features, f"{name} in the batch", f"only {sorted(map(str, batch))}", hint)]
        if not isinstance(value, torch.Tensor) or value.dim() != _MATRIX:
            seen = f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
            hint = "Pass return_tensors='pt' and pad every row to one length."
            return [_finding(check, features, f"{name} as a tensor [B, T]", seen, hint)]
        if value.shape != batch[names[0]].shape:
            expected = f"{name} of shape {tuple(batch[names[0]].shape)}"
            hint = f"Pad {name} together with {names[0]}."
            return [_finding(check, features, expected, f"shape {tuple(value.shape)}", hint)]
    return []


def _input_columns(subject: CollatorSubject, batch: Batch) -> list[str]:
    return [name for name in dict.fromkeys((*subject.input_names, "attention_mask")) if name in batch]


def _lengths(features: Features) -> list[int]:
    return [len(feature["input_ids"]) for feature in features]


def _values(value: Any) -> Any:
    """Return a feature's value as plain lists and numbers."""
    return value.tolist() if hasattr(value, "tolist") else value


def _same_number(left: float, right: float) -> bool:
    # A score such as 3.8 is rounded to float32 on the way: 1e-6 allows that, and not half precision (5e-4).
    return math.isclose(left, right, rel_tol=1e-6, abs_tol=1e-9)


def _check_label_rows(subject: CollatorSubject, features: Features, batch: Batch, given: list[Any]) -> list[Finding]:
    """Judge labels that are lists: one for each token [B, T], padded with -100, or a vector for each row [B, C]."""
    seen, expected = batch["labels"].tolist(), given
    if [len(labels) for labels in given] == _lengths(features):
        if unreadable := _unreadable("collator.labels", features, batch, "input_ids", "labels"):
            return unreadable
        width, side, expected = batch["labels"].shape[1], _side(subject), []
        for labels in given:
            ignored = [IGNORED_LABEL] * (width - len(labels))
            expected.append(ignored + labels if side == "left" else labels + ignored)
    for row in range(max(len(expected), len(seen))):
        right, wrong = expected[row : row + 1], seen[row : row + 1]
        if right != wrong:
            hint = f"Pad labels with {IGNORED_LABEL}, as DataCollatorForTokenClassification does: a loss ignores it."
            return [_finding("collator.labels", features, f"row {row}: {right}", f"row {row}: {wrong}", hint)]
    return []


def _difference(first: Any, second: Any, where: str) -> tuple[str, str, str] | None:
    """Return where two structures differ first, and both values there, or None."""
    if _kind(first) != _kind(second):
        return where, _kind(first), _kind(second)
    if isinstance(first, torch.Tensor) and torch.equal(first, second):
        return None
    first, second = _values(first), _values(second)
    if isinstance(first, list) and set(map(type, first + second)) == {int} and first == second:
        return None  # most columns are this: without a walk over each token
    if isinstance(first, Mapping):
        pairs = [(f"{where}[{key!r}]", value, second[key]) for key, value in first.items()]
    elif isinstance(first, (list, tuple)):
        pairs = [(f"{where}[{index}]", *values) for index, values in enumerate(zip(first, second, strict=True))]
    else:
        both_nan = first != first and second != second  # noqa: PLR0124 - the test for NaN that any type understands
        return None if both_nan or first == second else (where, repr(first), repr(second))
    found = (_difference(left, right, place) for place, left, right in pairs)
    return next((change for change in found if change is not None), None)


def _kind(value: Any) -> str:
    """Word the type of a value with its size: two values of one kind can be compared part by part."""
    if isinstance(value, Mapping):
        return f"{type(value).__name__} with {sorted(map(str, value))}"
    if hasattr(value, "tolist"):
        return f"{value.dtype} {tuple(value.shape)}"
    return f"{type(value).__name__} of {len(value)}" if isinstance(value, (list, tuple)) else type(value).__name__


# -- words ------------------------------------------------------------------------------------------------------------


def _finding(check: str, features: Features, expected: str, observed: str, hint: str) -> Finding:
    lengths = _lengths(features)
    named = f"({lengths[0]},)" if len(lengths) == 1 else f"({', '.join(map(str, lengths))})"
    return Finding(check, f"batch of lengths {named}", expected, observed, hint)


def _renamed(finding: Finding, check: str) -> Finding:
    return Finding(check, finding.subject, finding.expected, finding.observed, finding.hint, finding.unit)


def _show(values: list[Any]) -> str:
    """Word a list, of a long one its beginning."""
    if len(values) <= _MOST_SHOWN:
        return str(values)
    return f"[{', '.join(map(str, values[:_MOST_SHOWN]))}, ... {len(values)} in all]"


def _join(texts: list[str]) -> str:
    more = f"; {len(texts) - 3} more" if len(texts) > 3 else ""  # noqa: PLR2004 - three examples are enough
    return "; ".join(texts[:3]) + more


def _cells(wrong: list[tuple[int, int, Any]]) -> str:
    row, column, value = wrong[0]
    more = f" ({len(wrong)} such cells)" if len(wrong) > 1 else ""
    return f"{value} in row {row}, column {column}{more}"


def _clip(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else f"{text[:300]}..."  # noqa: PLR2004 - a few lines of a terminal


def _width_hint(rule: PaddingRule, longest: int, width: int) -> str:
    if width < longest:
        return "The collator truncates: truncate when tokenizing, where the special tokens are kept."
    multiple = rule.multiple
    if multiple and width % multiple:
        return f"T is no multiple of {multiple}: round up to -(-longest // {multiple}) * {multiple}."
    if multiple and longest % multiple == 0:
        return f"The longest row is a multiple of {multiple} already and gets a whole block of padding more."
    if rule.fixed:
        return "padding='max_length' is not followed: hand padding and max_length on to tokenizer.pad."
    if not rule.declared:
        return "If this width is meant, say so: give the collator an attribute pad_to_multiple_of or padding."
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
