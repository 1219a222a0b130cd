"""Character positions of the tokens of windows, as arrays, because lists for all tokens need too much memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from datasets import Dataset
    from numpy.typing import NDArray

OFFSETS = "offset_mapping"
"""Column of the tokenized rows: first character and end of each token in the context; None for other tokens."""


class Offsets(NamedTuple):
    """Positions in B windows of at most T tokens, ``[B, T]`` each; -1 for tokens outside the context."""

    begin: NDArray[np.int64]
    """First character."""
    end: NDArray[np.int64]
    """Index after the last character."""

    @property
    def of_context(self) -> NDArray[np.bool_]:
        """Whether a token belongs to the context, ``[B, T]``."""
        return np.asarray(self.begin >= 0)

    def cut(self, width: int) -> Offsets:
        """Truncate or pad to a number of tokens: ``[B, width]``."""
        missing = max(0, width - self.begin.shape[1])
        padded = (np.pad(part, [(0, 0), (0, missing)], constant_values=-1)[:, :width] for part in self)
        return Offsets(*padded)


def offsets_of(rows: Dataset) -> Iterator[Offsets]:
    """Yield the column `OFFSETS` of tokenized rows, at most `pytest_ftcheck.columns.BATCH` rows at a time, in order."""
    from pytest_ftcheck.columns import arrays  # noqa: PLC0415 - a card is read before Arrow is imported

    for array in arrays(rows, OFFSETS):
        yield _from_arrow(array)


def _from_arrow(array: pa.Array) -> Offsets:
    """Read ``[B]`` lists of tokens; a token is a list of two numbers or null."""
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy().astype(np.int64)
    tokens = array.flatten()
    known = tokens.is_valid().to_numpy(zero_copy_only=False)
    pairs = tokens.flatten().to_numpy(zero_copy_only=False).reshape(-1, 2)
    row = np.repeat(np.arange(len(lengths)), lengths)[known]
    place = (np.arange(len(known)) - np.repeat(np.cumsum(lengths) - lengths, lengths))[known]
    found = Offsets(*(np.full((len(lengths), int(lengths.max(initial=0))), -1, dtype=np.int64) for _ in range(2)))
    for part, values in zip(found, pairs.T, strict=True):
        part[row, place] = values
    return found
