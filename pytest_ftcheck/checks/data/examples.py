"""Rows as the evidence of a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.data.encoded import tokens_of
from pytest_ftcheck.checks.data.splits import shorten
from pytest_ftcheck.findings import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.checks.data.splits import Split
    from pytest_ftcheck.checks.evidence import Evidence

_LONG = 100
"""Characters that are shown of a row."""


def decoded(tokenizer: Any, ids: Sequence[int]) -> str:
    """Quote what the token ids of a row decode to, with special tokens; ids beyond the vocabulary are left out."""
    return shorten(str(tokenizer.decode([token for token in ids if 0 <= token < len(tokenizer)])), _LONG)


def rows_as_tokens(evidence: Evidence, split: Split, indices: Sequence[int]) -> list[str]:
    """Show the first rows of some: what their tokens decode to, or the token ids, and their texts if they are known."""
    shown, tokenizer = list(indices[:EXAMPLES]), evidence.pipeline.processing_class
    # Blocks of several texts have no text of their own, and a split may have lost its texts.
    whole = split.windows or len(split.raw) == len(split.rows)
    columns = [name for name in evidence.pipeline.card.text_columns if whole and name in split.raw.column_names]
    texts = split.texts(columns, shown) if columns else [()] * len(shown)
    return [
        f"row {index}: {shorten(str(ids), _LONG) if tokenizer is None else decoded(tokenizer, ids)}"
        + (f" for {shorten(' | '.join(text), _LONG)}" if text else "")
        for index, ids, text in zip(shown, tokens_of(evidence, split, shown), texts, strict=True)
    ]
