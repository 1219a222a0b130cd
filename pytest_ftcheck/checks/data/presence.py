"""Computes which row contains which token, for simple statistics. Shapes: N rows, V tokens."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix

from pytest_ftcheck.checks.data.encoded import special_ids, tokens_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.checks.data.splits import Split
    from pytest_ftcheck.checks.evidence import Evidence


def content_of(evidence: Evidence, split: Split, count: int) -> list[list[int]]:
    """Return the token ids of at most ``count`` rows, evenly spread, without padding and special tokens.

    Raises:
        NotApplicable: the rows have no token ids.

    """
    tokenizer: Any = evidence.pipeline.processing_class
    special = frozenset() if tokenizer is None else special_ids(tokenizer)
    return [[token for token in row if token not in special] for row in tokens_of(evidence, split, split.few(count))]


def presence(rows: Sequence[Sequence[int]], width: int) -> csr_matrix:
    """Return which row contains which of ``width`` tokens: ``[N, V]`` of 0 and 1; other ids are ignored."""
    distinct = [[token for token in set(row) if 0 <= token < width] for row in rows]
    ends = np.cumsum([0, *map(len, distinct)])
    columns = np.fromiter(chain.from_iterable(distinct), np.int64, ends[-1])
    return csr_matrix((np.ones(ends[-1], np.float32), columns, ends), shape=(len(rows), width))


def word(evidence: Evidence, token: int) -> str:
    """Quote a token as its tokenizer writes it, else name its id."""
    tokenizer: Any = evidence.pipeline.processing_class
    written = None if tokenizer is None else tokenizer.convert_ids_to_tokens(int(token))
    return f"id {token}" if written is None else repr(str(written))
