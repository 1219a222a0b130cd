"""Which columns of a user's rows are the text that was tokenized: found by tokenizing them again."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any

from datasets import Value

if TYPE_CHECKING:
    from datasets import Dataset

_ROWS = 8
_WORDS = 2.5
"""Mean words of a column that is language; ids, names of classes and addresses have fewer."""
_DISTINCT = 3
_MOST_COLUMNS = 4


def language_columns(rows: Dataset) -> list[str]:
    """Columns of natural language: texts of several words, not the names of a few classes."""
    found = []
    for name, feature in rows.features.items():
        if not (isinstance(feature, Value) and feature.dtype in ("string", "large_string")):
            continue
        texts = [text for text in rows[name][:256] if isinstance(text, str)]
        words = sum(len(text.split()) for text in texts) / max(len(texts), 1)
        if words >= _WORDS and len(set(texts)) >= _DISTINCT:
            found.append(name)
    return found


def find_text_columns(trainer: Any, rows: Dataset, evaluation: Dataset) -> list[str]:
    """Return the one or two columns that give the rows' token ids when they are tokenized again; else none.

    They are columns of both splits.

    A truncated row need only begin as the tokens of its whole text do.
    """
    tokenizer: Any = getattr(trainer, "processing_class", None) or getattr(trainer.data_collator, "tokenizer", None)
    if tokenizer is None or "input_ids" not in rows.column_names:
        return []
    columns = [name for name in language_columns(rows) if name in evaluation.column_names][:_MOST_COLUMNS]
    few = rows.select(range(min(_ROWS, len(rows))))
    for count in (2, 1):
        for chosen in permutations(columns, count):
            if _gives(tokenizer, few, chosen):
                return list(chosen)
    return []


def _gives(tokenizer: Any, rows: Dataset, columns: tuple[str, ...]) -> bool:
    pad = {getattr(tokenizer, "pad_token_id", None)}
    for row in rows:
        wanted = [token for token in row["input_ids"] if token not in pad]
        texts = [row[column] for column in columns]
        whole = [token for token in tokenizer(*texts, verbose=False)["input_ids"] if token not in pad]
        if wanted == whole:
            continue
        # Truncated: the same length can be asked for.
        if (
            len(whole) <= len(wanted)
            or tokenizer(*texts, truncation=True, max_length=len(wanted))["input_ids"] != wanted
        ):
            return False
    return True
