"""Normalises rows for comparison: differences without meaning, such as case and white space, are removed."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from pytest_ftcheck.checks.data.encoded import walk_runs
from pytest_ftcheck.checks.data.near import WORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ftcheck.checks.data.splits import Split
    from pytest_ftcheck.checks.evidence import Evidence

Segment: TypeAlias = "str | tuple[int, ...]"
"""A folded text, or token ids where no text is known."""
Row: TypeAlias = tuple[Segment, ...]


class Rows(Protocol):
    """Rows that can be iterated more than once; they need not all be in memory."""

    def __len__(self) -> int:
        """Count them."""
        ...

    def __iter__(self) -> Iterator[Row]:
        """Walk through them, in order."""
        ...


def fold(text: str) -> str:
    """Return a text without Unicode's compatibility forms, case and repeated white space."""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return " ".join(plain.casefold().split())


def words(text: str) -> str:
    """Return only the words of a text, folded, without punctuation."""
    return " ".join(WORD.findall(fold(text)))


@dataclass(frozen=True)
class FoldedRows:
    """The rows of a split, folded again in each iteration.

    A row is its segments as folded texts; if no text is known, its runs of tokens between special tokens.
    """

    evidence: Evidence
    split: Split

    def __len__(self) -> int:
        """Count them."""
        return len(self.split.raw if self.evidence.pipeline.card.text_columns else self.split.rows)

    def __iter__(self) -> Iterator[Row]:
        """Walk through them, in order."""
        if columns := self.evidence.pipeline.card.text_columns:
            return (tuple(map(fold, row)) for row in self.split.walk_texts(columns))
        return (tuple(map(tuple, runs)) for runs in walk_runs(self.evidence, self.split))
