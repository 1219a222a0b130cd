"""Draws rows with replacement, with the same draws for every metric."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

RESAMPLES = 1999
"""Draws of an interval: its ends vary between draws by about 4% of its width (Efron and Tibshirani 1993)."""
_CHUNK = 2**19
"""Numbers in a chunk: 4 MiB of float64, which fit into CPU caches."""
_KEPT = 2**24
"""Maximum count of numbers that are kept for further metrics of the same rows: 16 MiB of uint8; 1999 draws of 8392
rows."""


def resampled(
    statistic: Callable[[NDArray[np.uint8]], NDArray[np.float64]], rows: int, draws: int
) -> NDArray[np.float64]:
    """Return a statistic of rows drawn with replacement: ``[draws]``.

    Args:
        statistic: function of the number of times that each row is drawn, ``[B, rows]``, with result ``[B]``.
        rows: number of rows, and of drawn rows.
        draws: number of draws.

    """
    chunks = _kept(rows, draws) if rows * draws <= _KEPT else _drawn(rows, draws)
    return np.concatenate([statistic(counts) for counts in chunks])


@lru_cache(maxsize=1)
def _kept(rows: int, draws: int) -> tuple[NDArray[np.uint8], ...]:
    return tuple(_drawn(rows, draws))


def forget() -> None:
    """Free the memory of the kept draws."""
    _kept.cache_clear()


def _drawn(rows: int, draws: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the number of times that each row is drawn, ``[B, rows]``; the same numbers in every call."""
    generator = np.random.default_rng(0)
    size = max(_CHUNK // rows, 1)
    for start in range(0, draws, size):
        some = min(size, draws - start)
        drawn = generator.integers(0, rows, (some, rows), dtype=np.int32)
        drawn += np.arange(some, dtype=np.int32)[:, None] * np.int32(rows)
        yield np.bincount(drawn.ravel(), minlength=some * rows).reshape(some, rows).astype(np.uint8)
