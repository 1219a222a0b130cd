"""A batch as the collator checks read it: the requirements on a collator, the place of rows, and texts of findings.

Shapes: B rows, T columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pytest_ftcheck.columns import POSITION_NAMES
from pytest_ftcheck.errors import DataError, unknown
from pytest_ftcheck.findings import EXAMPLES, Finding
from pytest_ftcheck.heads.registry import head_named
from pytest_ftcheck.heads.traits import POSITIONS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from pytest_ftcheck.heads.head import Head

COLUMNS = ("input_ids", "token_type_ids", "attention_mask", "special_tokens_mask")
_MATRIX = 2  # dimensions of [B, T]
_MOST_SHOWN = 12


@dataclass(frozen=True)
class CollatorSubject:
    """A data collator, and the requirements on its batches."""

    data_collator: Callable[[list[dict[str, Any]]], Any]
    """The function that makes a mapping of tensors from features."""
    processing_class: PreTrainedTokenizerBase | None
    """The tokenizer: it gives the pad ids and the padding side. None: they are not known."""
    head: str
    """Name of a head; see `head_rules`."""
    num_labels: int
    """Number of classes; 1 for regression."""
    input_names: tuple[str, ...]
    """The columns of a feature besides its label, out of `COLUMNS`."""
    vocab_size: int
    """Ids lie in [0, vocab_size)."""
    max_length: int
    """Number of tokens of the longest possible row."""
    label_key: str = "labels"
    """The label's key in a feature, ``labels`` or ``label``; in the batch it is always ``labels``."""
    fixed_length: bool = False
    """All rows are padded to one length when they are tokenized, as `default_data_collator` needs it."""
    min_length: int = 1
    """Number of tokens of the shortest possible row."""
    examples: tuple[dict[str, Any], ...] = ()
    """Features of real rows: generated ones get their other columns from them, and the same containers (lists, arrays
    or tensors)."""
    segments: bool = True
    """Rows have a second segment, so that their token type ids have a meaning."""
    own_loss: bool = False
    """The loss is the user's own, which may take labels of a regression of any type."""
    takes_mask: bool = True
    """The model takes an attention mask."""
    narrowest: int | None = None
    """Width of a batch of one row of `min_length` tokens, if the collator's padding is not declared."""

    def __post_init__(self) -> None:
        """Refuse a subject for which no features can be made."""
        head_named(self.head)
        for name in self.input_names:
            if name not in COLUMNS:
                raise DataError(unknown("column", name, COLUMNS, "Remove it before the collator: no model takes it."))
        if "input_ids" not in self.input_names:
            msg = f"input_names {self.input_names} lack 'input_ids'. Tokenize the data set first."
            raise DataError(msg)
        if self.vocab_size < 1 or self.max_length < 1:
            msg = f"vocab_size ({self.vocab_size}) and max_length ({self.max_length}) must be at least 1."
            raise DataError(msg)

    @property
    def label_keys(self) -> tuple[str, ...]:
        """The keys of a label in a feature: `label_key`, or those of first and last token."""
        return POSITION_NAMES if POSITIONS in self.head_rules.traits else (self.label_key,)

    @property
    def head_rules(self) -> Head:
        """The rules of the head of the task."""
        return head_named(self.head)


Features = list[dict[str, Any]]
Batch = Mapping[str, Any]  # of tensors, if the collator is healthy


@dataclass(frozen=True)
class Place:
    """The tokens of one feature: columns [start, stop) of a row of the batch."""

    row: int
    start: int
    stop: int


def special_id(tokenizer: Any, name: str) -> int | None:
    """Return the id of `name` (for example ``pad_token``), or None where the tokenizer has no such token."""
    known = getattr(tokenizer, "special_tokens_map", None)
    if known is not None and name not in known:
        return None  # asking for the attribute would log an error
    number = getattr(tokenizer, f"{name}_id", None)
    return None if number is None else int(number)


def find_places(subject: CollatorSubject, features: Features, batch: Batch) -> list[Place | None]:
    """Find each feature's tokens: in its own row, then in a row that is not in its place either, else None.

    Example: features [[7, 8, 9], [5]] in the batch [[5, 0, 0], [7, 8, 9]] (pad id 0) are in row 1, columns [0, 3),
    and in row 0, columns [0, 1).
    """
    rows: list[list[int]] = batch["input_ids"].tolist()
    tokens = [plain_values(feature["input_ids"]) for feature in features]
    pad, side = special_id(subject.processing_class, "pad_token"), side_of(subject)

    def find(feature: int, row: int, *, exactly: bool) -> Place | None:
        wanted, cells = tokens[feature], rows[row]
        for start in dict.fromkeys((start_of(side, len(wanted), len(cells)), 0, len(cells) - len(wanted))):
            stop = start + len(wanted)
            if start >= 0 and cells[start:stop] == wanted:
                rest = cells[:start] + cells[stop:]
                if not exactly or all(cell == pad for cell in rest):
                    return Place(row, start, stop)
        return None

    own = [find(row, row, exactly=True) if row < len(rows) else None for row in range(len(tokens))]
    free = [row for row in range(len(rows)) if row >= len(own) or own[row] is None]

    def elsewhere(feature: int, *, exactly: bool) -> Place | None:
        found = (find(feature, row, exactly=exactly) for row in free if row != feature)
        return next((place for place in found if place is not None), None)

    # A row with the right padding is the better match: a short row may also be the beginning of a longer one.
    return [
        place
        or elsewhere(row, exactly=True)
        or (find(row, row, exactly=False) if row < len(rows) else None)
        or elsewhere(row, exactly=False)
        for row, place in enumerate(own)
    ]


def side_of(subject: CollatorSubject) -> str:
    """Return the side on which the tokenizer pads, ``left`` or ``right``."""
    return str(getattr(subject.processing_class, "padding_side", "right"))


def start_of(side: str, length: int, width: int) -> int:
    """Return the first column of a row's tokens among ``width`` columns, by padding side."""
    return width - length if side == "left" else 0


def padding_cells(places: list[Place | None], rows: list[list[Any]]) -> list[tuple[int, int, Any]]:
    """Return (row, column, value) of every cell outside of the tokens."""
    return [
        (place.row, column, value)
        for place in places
        if place
        for column, value in enumerate(rows[place.row])
        if not place.start <= column < place.stop
    ]


def unreadable_column(check: str, features: Features, batch: Batch, *names: str) -> list[Finding]:
    """Return a finding for the first column that is missing, not a matrix, or of another shape than the first one."""
    for name in names:
        value = batch.get(name)
        if value is None:
            hint = f"Keep {name} in the batch, or let tokenizer.pad make it."
            return [batch_finding(check, features, f"{name} in the batch", f"only {sorted(map(str, batch))}", hint)]
        if not isinstance(value, torch.Tensor) or value.dim() != _MATRIX:
            seen = f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
            hint = "Pass return_tensors='pt' and pad every row to one length."
            return [batch_finding(check, features, f"{name} as a tensor [B, T]", seen, hint)]
        if value.shape != batch[names[0]].shape:
            expected = f"{name} of shape {tuple(batch[names[0]].shape)}"
            hint = f"Pad {name} together with {names[0]}."
            return [batch_finding(check, features, expected, f"shape {tuple(value.shape)}", hint)]
    return []


def input_columns(subject: CollatorSubject, batch: Batch) -> list[str]:
    """Return the names of the input columns that the batch has."""
    return [name for name in dict.fromkeys((*subject.input_names, "attention_mask")) if name in batch]


def lengths_of(features: Features) -> list[int]:
    """Return the number of tokens of each feature."""
    return [len(feature["input_ids"]) for feature in features]


def plain_values(value: Any) -> Any:
    """Return a feature's value as plain lists and numbers."""
    return value.tolist() if hasattr(value, "tolist") else value


def contained(example: Any, value: Any) -> Any:
    """Return plain values as a tensor or array of the example's dtype, if the example is one."""
    if isinstance(example, torch.Tensor):
        return torch.tensor(value, dtype=example.dtype)
    return np.asarray(value, dtype=example.dtype) if isinstance(example, np.ndarray) else value


def same_number(left: float, right: float) -> bool:
    """Compare two labels up to the rounding of float32."""
    # A score such as 3.8 is rounded to float32: 1e-6 allows this rounding, but not half precision (5e-4).
    return math.isclose(left, right, rel_tol=1e-6, abs_tol=1e-9)


def difference(first: Any, second: Any, where: str) -> tuple[str, str, str] | None:
    """Return the first place where two structures differ, and both values there, or None."""
    if _kind(first) != _kind(second):
        return where, _kind(first), _kind(second)
    if isinstance(first, torch.Tensor) and torch.equal(first, second):
        return None
    first, second = plain_values(first), plain_values(second)
    if isinstance(first, list) and set(map(type, first + second)) == {int} and first == second:
        return None  # the fast path for most columns, without a loop over tokens
    if isinstance(first, Mapping):
        pairs = [(f"{where}[{key!r}]", value, second[key]) for key, value in first.items()]
    elif isinstance(first, (list, tuple)):
        pairs = [(f"{where}[{index}]", *values) for index, values in enumerate(zip(first, second, strict=True))]
    else:
        both_nan = first != first and second != second  # noqa: PLR0124 - the test for NaN that any type understands
        return None if both_nan or first == second else (where, repr(first), repr(second))
    found = (difference(left, right, place) for place, left, right in pairs)
    return next((change for change in found if change is not None), None)


def _kind(value: Any) -> str:
    """Describe the type and size of a value: two values of the same kind can be compared part by part."""
    if isinstance(value, Mapping):
        return f"{type(value).__name__} with {sorted(map(str, value))}"
    if hasattr(value, "tolist"):
        return f"{value.dtype} {tuple(value.shape)}"
    return f"{type(value).__name__} of {len(value)}" if isinstance(value, (list, tuple)) else type(value).__name__


def batch_finding(check: str, features: Features, expected: str, observed: str, hint: str) -> Finding:
    """Make a finding about a batch, named by the lengths of its rows; its features are the evidence."""
    lengths = lengths_of(features)
    named = f"({lengths[0]},)" if len(lengths) == 1 else f"({', '.join(map(str, lengths))})"
    shown = tuple(f"feature {row}: {_show_feature(feature)}" for row, feature in enumerate(features[:EXAMPLES]))
    return Finding(check, f"batch of lengths {named}", expected, observed, hint, evidence=shown)


def _show_feature(feature: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_show_value(plain_values(value))}" for name, value in feature.items())


def _show_value(value: Any) -> str:
    """Describe a value of a feature; a list of equal values, such as a mask, by one of them."""
    if not isinstance(value, list):
        return repr(value)
    equal = len(value) > 1 and all(part == value[0] for part in value)
    return f"all {value[0]!r}" if equal else show_list(value)


def show_list(values: list[Any]) -> str:
    """Describe a list; a long one by its beginning."""
    if len(values) <= _MOST_SHOWN:
        return str(values)
    return f"[{', '.join(map(str, values[:_MOST_SHOWN]))}, ... {len(values)} in all]"


def show_some(texts: list[str]) -> str:
    """Describe the first three of many texts."""
    more = f"; {len(texts) - 3} more" if len(texts) > 3 else ""  # three examples are enough
    return "; ".join(texts[:3]) + more


def show_cells(wrong: list[tuple[int, int, Any]]) -> str:
    """Describe the first wrong cell, and the number of wrong cells."""
    row, column, value = wrong[0]
    more = f" ({len(wrong)} such cells)" if len(wrong) > 1 else ""
    return f"{value} in row {row}, column {column}{more}"


def show_error(error: Exception) -> str:
    """Describe an error in one line."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return text if len(text) <= 300 else f"{text[:300]}..."  # a few lines of a terminal
