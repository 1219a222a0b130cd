"""Rows of words and tags, as the checks of tags read them: raw words with the tokens and tags of the rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pytest_ftcheck.checks.catalogue import NotApplicable, ReportedBy
from pytest_ftcheck.checks.data.encoded import pad_id
from pytest_ftcheck.checks.data.splits import SAMPLE, Split, label_values, require_column
from pytest_ftcheck.columns import LABEL_NAMES, taken
from pytest_ftcheck.heads.tag_schemes import spells_entities
from pytest_ftcheck.heads.traits import IGNORED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.checks.evidence import Evidence

_MOST = 0.5
"""Fraction of the rows whose tokens must be those of their words; else words and tokens are not compared."""
_OF_TOKENS = ("input_ids", "attention_mask", "token_type_ids", "special_tokens_mask", "word_ids", "offset_mapping")


@dataclass(frozen=True)
class TokenRow:
    """One row of a split: T tokens without padding."""

    index: int
    ids: list[int]
    """``[T]``."""
    labels: list[int]
    """``[T]``: tag ids or `IGNORED`."""
    padding: list[int]
    """Labels of the padding that the stored row has, if any."""


@dataclass(frozen=True)
class WordRow(TokenRow):
    """A row whose words are known; W words, of which truncation may have removed the last."""

    words: list[str]
    """``[W]``."""
    word_ids: list[int | None]
    """``[T]``: index of each token's word, None for special tokens."""
    raw_tags: list[Any] | None
    """``[W]``: the raw tags of the words; None if they are not known."""

    @cached_property
    def labels_by_word(self) -> dict[int, list[int]]:
        """The labels of the tokens of each word that has tokens."""
        found: dict[int, list[int]] = {}
        for word, label in zip(self.word_ids, self.labels, strict=True):
            if word is not None:
                found.setdefault(word, []).append(label)
        return found

    def tag_of(self, word: int) -> int:
        """Return the tag of a word's first token that has one; `IGNORED` where none has."""
        return next((label for label in self.labels_by_word.get(word, ()) if label != IGNORED), IGNORED)


def token_rows(evidence: Evidence, split: Split, count: int = SAMPLE) -> list[TokenRow]:
    """Return tokens and labels of evenly spread rows.

    Raises:
        NotApplicable: the rows have no token ids or no labels.
        ReportedBy: the numbers of labels and tokens differ.

    """
    require_column(split, "input_ids")
    require_column(split, evidence.pipeline.label_column)
    indices = split.few(count)
    ids, labels = (split.values(name, indices) for name in ("input_ids", evidence.pipeline.label_column))
    pad = pad_id(evidence)
    masks: Sequence[Any] = [None] * len(indices)
    if "attention_mask" in split.rows.column_names:
        masks = split.values("attention_mask", indices)
    rows = []
    for index, tokens, tags, mask in zip(indices, ids, labels, masks, strict=True):
        if len(tokens) != len(tags):
            reason = f"row {index} of the {split.name} split has {len(tokens)} tokens and {len(tags)} labels"
            raise ReportedBy(check="collator.shape", reason=reason)
        real = [token != pad for token in tokens] if mask is None else list(map(bool, mask))
        ids_kept, tags_kept = ([one for one, keep in zip(of, real, strict=True) if keep] for of in (tokens, tags))
        padding = [tag for tag, keep in zip(tags, real, strict=True) if not keep]
        rows.append(TokenRow(index, ids_kept, tags_kept, padding))
    return rows


def word_rows(evidence: Evidence, split: Split, count: int = SAMPLE) -> list[WordRow]:
    """Return the evenly spread rows whose tokens are those of their words, with words and tokens.

    Raises:
        NotApplicable: no tokenizer, no words, or rows whose tokens are not those of the words.

    """
    tokenizer: Any = evidence.tokenizer
    column = words_column(evidence, split)
    rows = token_rows(evidence, split, count)
    indices = [row.index for row in rows]
    words = taken(split.raw, column, indices)
    raw_tags = _raw_tags(evidence, split, column, indices, words)
    found = []
    for row, of_row, tags in zip(rows, words, raw_tags, strict=True):
        given = {"is_split_into_words": True, "truncation": True, "max_length": max(len(row.ids), 1), "verbose": False}
        encoded = tokenizer(list(of_row), **given)
        if list(encoded["input_ids"]) == row.ids and tokenizer.is_fast:
            found.append(WordRow(row.index, row.ids, row.labels, row.padding, list(of_row), encoded.word_ids(), tags))
    if len(found) <= _MOST * len(rows):
        msg = f"{len(found)} of {len(rows)} sampled {split.name} rows are the tokens of the words in {column!r}"
        raise NotApplicable(msg)
    return found


def words_column(evidence: Evidence, split: Split) -> str:
    """Name the raw column that holds the words of each row: the card's, else the only one.

    Raises:
        NotApplicable: there is no such column.

    """
    schema = split.raw.data.table.schema
    columns = evidence.pipeline.card.text_columns or [name for name in split.raw.column_names if name not in _OF_TOKENS]
    held = [name for name in columns if name in split.raw.column_names]
    for name in held:
        kind = schema.field(name).type
        if evidence.pipeline.card.head_rules.inputs.holds(name, [name], kind):
            return str(name)
    msg = f"the {split.name} rows have no column of lists of words: keep it beside the tokens"
    raise NotApplicable(msg)


def _raw_tags(
    evidence: Evidence, split: Split, column: str, indices: Sequence[int], words: Sequence[Sequence[str]]
) -> list[list[Any] | None]:
    """Return the tags of the words of rows: the first column of lists that are as long as those of the words."""
    schema = split.raw.data.table.schema
    lengths = [len(row) for row in words]
    not_raw = {column, *_OF_TOKENS}
    if split.raw is split.rows:
        not_raw |= {evidence.pipeline.label_column, *LABEL_NAMES}
    for name in split.raw.column_names:
        kind = schema.field(name).type
        lists = pa.types.is_list(kind) or pa.types.is_large_list(kind)
        if name in not_raw or not lists or not (pa.types.is_integer(kind.value_type) or _is_text(kind.value_type)):
            continue
        values = taken(split.raw, name, indices)
        if [len(row or ()) for row in values] == lengths:
            return [list(row) for row in values]
    return [None] * len(indices)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def require_raw_tags(rows: Sequence[WordRow], split: Split) -> None:
    """Stop a check that compares with the tags of the words.

    Raises:
        NotApplicable: they are not known.

    """
    if any(row.raw_tags is None for row in rows):
        msg = (
            f"the {split.name} rows have no column with the tags of the words: keep it beside the labels of the tokens"
        )
        raise NotApplicable(msg)


def require_entities(evidence: Evidence) -> tuple[str, ...]:
    """Return the names of the tags.

    Raises:
        NotApplicable: the tags are not tags of entities, such as parts of speech.

    """
    names = evidence.pipeline.card.label_names
    if not spells_entities(names):
        msg = f"the label names are no tags of entities, such as B-PER: {', '.join(names[:5]) or 'there are none'}"
        raise NotApplicable(msg)
    return names


def tags_by_name(evidence: Evidence, split: Split, names: Sequence[str]) -> list[list[str]]:
    """Return the names of every row's tags, without the ignored ones."""
    return [[names[tag] for tag in row if 0 <= tag < len(names)] for row in label_values(evidence, split)]


def raw_names(rows: Sequence[WordRow], names: Sequence[str]) -> list[list[str]]:
    """Return the names of the raw tags of rows; ids are translated with the rows' own labels."""
    pairs = Counter(
        (tag, row.tag_of(word))
        for row in rows
        for word, tag in enumerate(row.raw_tags or ())
        if row.tag_of(word) != IGNORED
    )
    most: dict[Any, int] = {}
    for (tag, label), _ in pairs.most_common():
        most.setdefault(tag, label)
    known = {tag: names[label] for tag, label in most.items() if 0 <= label < len(names)}
    return [[tag if isinstance(tag, str) else known.get(tag, "O") for tag in row.raw_tags or ()] for row in rows]
