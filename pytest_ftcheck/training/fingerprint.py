"""Fingerprints of rows, which identify a row of the data set in a batch independent of padding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.columns import joined_ids

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

_FACTOR = 0x5851F42D4C957F2D  # Knuth's MMIX multiplier
_SHIFT = 0x14057B7EF767814F


def fingerprints(input_ids: Tensor, pad_id: int | None) -> Tensor:
    """Compute a fingerprint of every row of a batch from its tokens and their order, without padding, on its device.

    Args:
        input_ids: ``[B, T]``, integers; of rows with several texts, ``[B, C, T]``.
        pad_id: id of the tokenizer's padding token; tokens with this id are ignored at any position.

    Returns:
        ``[B]``, int64.

    """
    ids = input_ids.detach().reshape(len(input_ids), -1).long()
    real = torch.ones_like(ids, dtype=torch.bool) if pad_id is None else ids != pad_id
    places = real.long().cumsum(dim=1)
    # Overflow at 64 bits is intended, as in hash functions.
    mixed = ((ids + 1) * _FACTOR) ^ ((places + 1) * _SHIFT)
    mixed = (mixed ^ (mixed >> 29)) * _FACTOR
    return torch.where(real, mixed, 0).sum(dim=1)


def fingerprint_rows(rows: Iterable[Any], pad_id: int | None) -> list[int]:
    """Compute the fingerprints of ragged rows of token ids; `fingerprints` gives equal values in any batch."""
    lists = [torch.as_tensor(joined_ids(row), dtype=torch.long) for row in rows]
    if not lists:
        return []
    fill = -1 if pad_id is None else pad_id
    if pad_id is None and len({len(row) for row in lists}) > 1:
        # Without a pad id, padding cannot be recognised: compute each row alone.
        return [int(fingerprints(row[None], None)[0]) for row in lists]
    padded = torch.nn.utils.rnn.pad_sequence(lists, batch_first=True, padding_value=fill)
    return [int(number) for number in fingerprints(padded, pad_id).tolist()]
