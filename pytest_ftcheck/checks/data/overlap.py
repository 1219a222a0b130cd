"""Finds texts that are in both splits: equal, swapped, nearly equal, or one segment of a pair."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.checks.data.near import find_near

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_ftcheck.checks.data.folded import Rows


@dataclass(frozen=True)
class Leaks:
    """Evaluated rows that are also in train, with a train row; each index is in the first kind that fits."""

    equal: dict[int, int]
    swapped: dict[int, int]
    """Pairs whose segments are swapped."""
    near: dict[int, int]
    one_side: dict[int, int]
    """Pairs with one segment that is in exactly one train row; segments that train itself repeats are ignored."""

    @property
    def rows(self) -> list[int]:
        """Indices of the evaluated rows that are (nearly) train rows."""
        return sorted({*self.equal, *self.swapped, *self.near})


@dataclass
class _Digests:
    """64-bit digests of each row and of each segment, N rows: they replace texts that would not fit into memory.

    The digest is Python's own hash, which is the same for equal texts within a process. Two of a million different rows
    have the same digest with a probability of 3e-8.
    """

    rows: array[int] = field(default_factory=lambda: array("q"))
    """``[N]``."""
    swapped: array[int] = field(default_factory=lambda: array("q"))
    """``[N]``: digests with swapped segments."""
    segments: array[int] = field(default_factory=lambda: array("q"))
    """``[M]``: digests of the different segments of each row, without empty ones."""
    owners: array[int] = field(default_factory=lambda: array("q"))
    """``[M]``: the row of each segment."""
    pairs: array[int] = field(default_factory=lambda: array("b"))
    """``[N]``: whether a row has several segments."""


def _digests(rows: Rows) -> _Digests:
    made = _Digests()
    for place, row in enumerate(rows):
        made.rows.append(hash(row))
        made.swapped.append(hash(row[::-1]))
        made.pairs.append(len(row) > 1)
        for segment in set(row):
            if segment:
                made.segments.append(hash(segment))
                made.owners.append(place)
    return made


def find_leaks(evaluated: Rows, train: Rows) -> Leaks:
    """Look every evaluated row up in train.

    Args:
        evaluated: N rows of folded segments.
        train: M rows.

    """
    known, wanted = _digests(train), _digests(evaluated)
    rows, pairs = np.asarray(known.rows), np.asarray(wanted.pairs, dtype=bool)
    equal = _last_places(rows, np.asarray(wanted.rows))
    swapped = np.where(pairs & (equal < 0), _last_places(rows, np.asarray(wanted.swapped)), -1)
    rest = (equal < 0) & (swapped < 0)
    near = find_near({index: row for index, row in enumerate(evaluated) if rest[index]}, train)
    rest[list(near)] = False
    return Leaks(_found(equal), _found(swapped), near, _one_side(wanted, known, rest & pairs))


def _found(places: NDArray[np.int64]) -> dict[int, int]:
    return {int(index): int(places[index]) for index in np.flatnonzero(places >= 0)}


def _last_places(known: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the last position of each wanted digest among the known ones, ``[N]``; -1 if it is not there."""
    order = np.argsort(known, kind="stable")
    places = np.searchsorted(known[order], wanted, side="right") - 1
    candidates = order[places] if len(order) else places
    return np.where((places >= 0) & (known[candidates] == wanted), candidates, -1) if len(order) else places


def _one_side(wanted: _Digests, known: _Digests, candidates: NDArray[np.bool_]) -> dict[int, int]:
    """Return the pairs among ``candidates`` with a segment that is in exactly one train row, and that row."""
    segments, first, counts = np.unique(np.asarray(known.segments), return_index=True, return_counts=True)
    once, places = segments[counts == 1], np.asarray(known.owners)[first[counts == 1]]
    owners = np.asarray(wanted.owners, dtype=np.int64)
    found = _last_places(once, np.asarray(wanted.segments))
    hits = np.flatnonzero((found >= 0) & candidates[owners])
    return {int(owners[hit]): int(places[found[hit]]) for hit in reversed(hits)}
