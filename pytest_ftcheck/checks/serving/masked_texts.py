"""Texts with masks in them, as a server is asked about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.checks.evidence import Evidence


def masked_texts(evidence: Evidence, rows: Sequence[int]) -> dict[int, str]:
    """Write evaluation rows as they are shown, masks included, where the text alone gives the same tokens again.

    Args:
        evidence: whose collator masks a row the same each time.
        rows: of the evaluation.

    """
    tokenizer: Any = evidence.tokenizer
    features = evidence.features(evidence.pipeline.eval_dataset, list(rows))
    special = set(tokenizer.all_special_ids) - {tokenizer.mask_token_id, tokenizer.unk_token_id}
    found: dict[int, str] = {}
    for row, feature in zip(rows, features, strict=True):
        ids: list[int] = torch.as_tensor(evidence.collate([feature])["input_ids"])[0].tolist()
        text = tokenizer.decode([token for token in ids if token not in special])
        if tokenizer.mask_token_id in ids and list(tokenizer(text)["input_ids"]) == ids:
            found[row] = text
    return found
