"""Finds rows that are nearly equal to a train row: exactly for few rows, by MinHash for many."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.checks.data.folded import Row, Rows

_Run: TypeAlias = str

SHINGLE = 3
"""Number of adjacent words in a shingle."""
NEAR = 0.8
"""Jaccard similarity of the shingles from which on rows are nearly equal: one word added at an end of twelve words."""
MOST_ROWS = 100_000
"""Rows of both splits up to which every pair that may be near is compared."""
_PERMUTATIONS, _BANDS = 128, 16
"""Parameters of MinHash: it finds a pair of similarity s with probability 1 - (1 - s^8)^16, 95% at 0.8, 99.99% at 0.9.

From: Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3.4.
"""
_MOST_CANDIDATES = 100
"""Largest number of evaluated rows compared with one train row: it limits the time for texts of one template."""

# Scripts without spaces count by character.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|\w+")


def shingles(row: Row) -> set[_Run]:
    """Return all runs of `SHINGLE` words of a row's segments, joined by spaces; a shorter segment is one run."""
    runs: set[_Run] = set()
    for segment in row:
        items = WORD.findall(segment) if isinstance(segment, str) else list(map(str, segment))
        if len(items) < SHINGLE:
            runs.add(" ".join(items))
        else:
            runs.update(map(" ".join, zip(*(items[start:] for start in range(SHINGLE)), strict=False)))
    return runs


def find_near(wanted: Mapping[int, Row], train: Rows) -> dict[int, int]:
    """Find a nearly equal train row for each row that has one.

    Args:
        wanted: evaluated rows by their index.
        train: M rows.

    """
    return _exact(wanted, train) if len(wanted) + len(train) <= MOST_ROWS else _by_minhash(wanted, train)


def _exact(wanted: Mapping[int, Row], train: Rows) -> dict[int, int]:
    """Compare all pairs that can be similar enough, and only these.

    A similar row shares at least four fifths of the shingles. Any set of a fifth of them plus one therefore contains a
    shared shingle: the rarest shingles are looked up.
    """
    runs_of = {index: shingles(row) for index, row in wanted.items()}
    known = set().union(*runs_of.values())
    # Of a train row, only the shingles of evaluated rows are kept, and the number of all.
    others = [(runs & known, len(runs)) for runs in map(shingles, train)]
    frequency = Counter(run for shared, _ in others for run in shared)
    rarest = {
        index: sorted(runs, key=lambda run: frequency[run])[: len(runs) - math.ceil(NEAR * len(runs)) + 1]
        for index, runs in runs_of.items()
    }
    looked_up = set().union(*rarest.values())
    places: defaultdict[_Run, list[int]] = defaultdict(list)
    for place, (shared, _) in enumerate(others):
        for run in shared & looked_up:
            places[run].append(place)
    found = {}
    for index, runs in runs_of.items():
        for place in sorted({place for run in rarest[index] for place in places.get(run, ())}):
            shared, size = others[place]
            common = len(runs & shared)
            if common >= NEAR * (len(runs) + size - common):
                found[index] = place
                break
    return found


def _by_minhash(wanted: Mapping[int, Row], train: Rows) -> dict[int, int]:
    """Compare the pairs that MinHash finds: train is iterated once and not kept in memory."""
    from rensa import RMinHash, RMinHashLSH  # noqa: PLC0415 - only for many rows

    def signature(runs: set[_Run]) -> RMinHash:
        made = RMinHash(num_perm=_PERMUTATIONS, seed=0)
        made.update(sorted(runs))
        return made

    index = RMinHashLSH(threshold=NEAR, num_perm=_PERMUTATIONS, num_bands=_BANDS)
    for name, row in wanted.items():
        index.insert(name, signature(shingles(row)))
    found: dict[int, int] = {}
    for place, row in enumerate(train):
        runs = shingles(row)
        candidates = sorted(index.query(signature(runs)))[:_MOST_CANDIDATES]
        for name in candidates:
            other = shingles(wanted[name])
            common = len(runs & other)
            if common >= NEAR * (len(runs) + len(other) - common):
                found[name] = place
                index.remove(name)
    return found
