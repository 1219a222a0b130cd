"""Texts that stand in both splits: equal, swapped, nearly equal, or one segment of a pair."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

Segment: TypeAlias = "str | tuple[int, ...]"
"""A folded text, or token ids where no text is known."""
Row: TypeAlias = tuple[Segment, ...]
_Run: TypeAlias = "tuple[Hashable, ...]"

SHINGLE = 3
"""Words in a row that near-duplicates share."""
NEAR = 0.8
"""Jaccard similarity of the shingles from which on rows are nearly equal: a word added at an end of twelve, no more."""
MOST_ROWS = 100_000
"""Train rows among which near-duplicates are looked for; equal ones are looked for among all."""

# Scripts without spaces count by character.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|\w+")


def fold(text: str) -> str:
    """Return a text without the differences that mean nothing: Unicode's compatibility forms, case and space."""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return " ".join(plain.casefold().split())


@dataclass(frozen=True)
class Leaks:
    """Evaluated rows that stand in train too; each index in one kind, the first that fits, with a train row."""

    equal: dict[int, int]
    swapped: dict[int, int]
    """The segments of a pair the other way round."""
    near: dict[int, int]
    one_side: dict[int, int]
    """One segment of a pair stands in just one train row; what train itself repeats is left out."""

    @property
    def rows(self) -> list[int]:
        """Indices of the evaluated rows that were as good as trained on."""
        return sorted({*self.equal, *self.swapped, *self.near})


def find_leaks(evaluated: Sequence[Row], train: Sequence[Row]) -> Leaks:
    """Look every evaluated row up in train.

    Args:
        evaluated: N rows of folded segments.
        train: M rows.

    """
    where = {row: index for index, row in enumerate(train)}
    equal = {index: where[row] for index, row in enumerate(evaluated) if row in where}
    swapped = {
        index: where[row[::-1]]
        for index, row in enumerate(evaluated)
        if len(row) > 1 and index not in equal and row[::-1] in where
    }
    rest = [index for index in range(len(evaluated)) if index not in equal and index not in swapped]
    near = {rest[place]: found for place, found in _near([evaluated[index] for index in rest], train).items()}
    once = _segments_seen_once(train)
    one_side = {
        index: next(once[segment] for segment in evaluated[index] if segment in once)
        for index in rest
        if index not in near and len(evaluated[index]) > 1 and any(segment in once for segment in evaluated[index])
    }
    return Leaks(equal, swapped, near, one_side)


def _segments_seen_once(rows: Iterable[Row]) -> dict[Segment, int]:
    counts: Counter[Segment] = Counter()
    last: dict[Segment, int] = {}
    for index, row in enumerate(rows):
        for segment in set(row):
            counts[segment] += 1
            last[segment] = index
    return {segment: index for segment, index in last.items() if counts[segment] == 1 and len(segment)}


def words(text: str) -> str:
    """Return the words of a text alone, folded, without punctuation."""
    return " ".join(_WORD.findall(fold(text)))


def shingles(row: Row) -> set[_Run]:
    """Return all runs of so many words of a row's segments; a shorter segment is one run."""
    runs: set[_Run] = set()
    for segment in row:
        items = tuple(_WORD.findall(segment)) if isinstance(segment, str) else segment
        if len(items) < SHINGLE:
            runs.add(items)
        else:
            runs.update(zip(*(items[start:] for start in range(SHINGLE)), strict=False))
    return runs


def _near(evaluated: Sequence[Row], train: Sequence[Row]) -> dict[int, int]:
    """Find train rows that are at least so similar; exact, and only few pairs are compared.

    A row that is similar enough shares all but a fifth of the shingles, hence at least one of any fifth and one more:
    the rarest ones are looked up. Beyond `MOST_ROWS`, evenly spread train rows stand for all.
    """
    step = max(1, math.ceil(len(train) / MOST_ROWS))
    wanted = [shingles(row) for row in evaluated]
    known = set().union(*wanted)
    # Of a train row, only what the evaluated rows have is kept, and how much there was.
    others = [(runs & known, len(runs)) for runs in map(shingles, train[::step])]
    frequency = Counter(run for shared, _ in others for run in shared)
    rarest = [
        sorted(runs, key=lambda run: frequency[run])[: len(runs) - math.ceil(NEAR * len(runs)) + 1] for runs in wanted
    ]
    looked_up = set().union(*rarest)
    places: defaultdict[_Run, list[int]] = defaultdict(list)
    for place, (shared, _) in enumerate(others):
        for run in shared & looked_up:
            places[run].append(place)
    found = {}
    for index, (runs, rare) in enumerate(zip(wanted, rarest, strict=True)):
        for place in sorted({place for run in rare for place in places.get(run, ())}):
            shared, size = others[place]
            common = len(runs & shared)
            if common >= NEAR * (len(runs) + size - common):
                found[index] = place * step
                break
    return found
