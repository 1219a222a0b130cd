"""Finds the text columns of a user's rows: tokenizes columns again and compares the token ids."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any

from datasets import Value

from pytest_ftcheck.columns import holds_lists

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from datasets import Dataset

    from pytest_ftcheck.heads.head import Head

_ROWS = 8
_WORDS = 2.5
"""Minimum mean number of words in a text column; ids, names of classes and addresses have fewer."""
_DISTINCT = 3
_MOST_COLUMNS = 4


def language_columns(rows: Dataset) -> list[str]:
    """Return the columns of natural language: texts of several words, not names of a few classes."""
    found = []
    for name, feature in rows.features.items():
        if not (isinstance(feature, Value) and feature.dtype in ("string", "large_string")):
            continue
        texts = [text for text in rows[name][:256] if isinstance(text, str)]
        words = sum(len(text.split()) for text in texts) / max(len(texts), 1)
        if words >= _WORDS and len(set(texts)) >= _DISTINCT:
            found.append(name)
    return found


def find_text_columns(trainer: Any, head: Head, rows: Dataset, evaluation: Dataset) -> list[str]:
    """Return the columns whose tokens are the rows' token ids; empty if there are none.

    Both splits must have these columns.

    For a truncated row, only the first tokens of its text must match.
    """
    tokenizer: Any = getattr(trainer, "processing_class", None) or getattr(trainer.data_collator, "tokenizer", None)
    if tokenizer is None or "input_ids" not in rows.column_names:
        return []
    columns = [name for name in _candidates(head, rows) if name in evaluation.column_names]
    few = rows.select(range(min(_ROWS, len(rows))))
    for chosen in _orders(head, columns):
        if not head.inputs.refusal(chosen) and _gives(tokenizer, head, few, chosen):
            return list(chosen)
    return []


def _orders(head: Head, columns: list[str]) -> Iterator[tuple[str, ...]]:
    """Yield candidates for the text columns of a row."""
    if head.single_texts is not None:
        return head.single_texts.orders(columns)
    return (chosen for count in (2, 1) for chosen in permutations(columns[:_MOST_COLUMNS], count))


def _candidates(head: Head, rows: Dataset) -> list[str]:
    """Return the columns of the type of the head's inputs; of texts, only natural language."""
    kinds = {name: rows.data.table.schema.field(name).type for name in rows.column_names}
    language = language_columns(rows)
    texts = [name for name, feature in rows.features.items() if isinstance(feature, Value)]
    held = [name for name, kind in kinds.items() if head.inputs.holds(name, [name], kind)]
    # With several texts a row, some are short: the tokens decide about a column that has one word in all rows.
    return [name for name in held if name in language or name not in texts or head.single_texts is not None]


def _gives(tokenizer: Any, head: Head, rows: Dataset, columns: tuple[str, ...]) -> bool:
    pad = {getattr(tokenizer, "pad_token_id", None)}

    def tokens(row: Mapping[str, Any], most: int | None) -> list[list[int]]:
        texts = {column: [row[column]] for column in columns}
        made = head.inputs.tokens(tokenizer, texts, truncation=most is not None, max_length=most)
        return _without(pad, made["input_ids"][0])

    for row in rows:
        stored, whole = _without(pad, row["input_ids"]), tokens(row, None)
        # A truncated row: tokenize to the same length.
        if stored != whole and (
            sum(map(len, whole)) <= sum(map(len, stored)) or tokens(row, max(map(len, stored))) != stored
        ):
            return False
    return True


def _without(pad: set[Any], ids: Sequence[Any]) -> list[list[int]]:
    """Return the token ids of each text of a row, without padding."""
    texts = ids if holds_lists(ids) else [ids]
    return [[token for token in text if token not in pad] for text in texts]
