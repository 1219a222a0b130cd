"""Recognises collators that reorder the rows of a batch together with their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.checks.data.splits import splits
from pytest_ftcheck.pipeline.forward import labels_in
from pytest_ftcheck.training.fingerprint import fingerprint_rows, fingerprints

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ftcheck.checks.evidence import Evidence

_ROWS = 16


def moves_rows_with_labels(evidence: Evidence) -> bool:
    """Return whether the collator reorders the rows of a real batch, each with its own label."""
    return evidence.once(_moves)


def require_rows_in_place(evidence: Evidence) -> None:
    """Stop a check that compares the rows of the evaluation one by one if the collator moves them.

    Raises:
        NotApplicable: the collator moves rows; `collator.order` reports it.

    """
    if moves_rows_with_labels(evidence):
        msg = "the collator reorders the rows of a batch together with their labels: see collator.order"
        raise NotApplicable(msg)


def in_order(evidence: Evidence, features: Sequence[Mapping[str, Any]], batch: Mapping[str, Any]) -> dict[str, Any]:
    """Restore the order of the features in a batch, if the collator moves rows with their labels."""
    ids = batch.get("input_ids")
    if len(features) < 2 or not isinstance(ids, torch.Tensor) or not moves_rows_with_labels(evidence):  # an order
        return dict(batch)
    pad_id = evidence.pipeline.pad_id
    wanted = fingerprint_rows([row["input_ids"] for row in features], pad_id)
    places: dict[int, list[int]] = {}
    for place, row in enumerate(fingerprints(ids, pad_id).tolist()):
        places.setdefault(row, []).append(place)
    if any(len(places.get(row, ())) < wanted.count(row) for row in set(wanted)):
        return dict(batch)
    order = [places[row].pop(0) for row in wanted]
    return {
        name: value[order] if isinstance(value, torch.Tensor) and value.shape[:1] == (len(ids),) else value
        for name, value in batch.items()
    }


def _moves(evidence: Evidence) -> bool:
    collator = evidence.evaluation_collator
    if (getattr(collator, "__module__", None) or type(collator).__module__).startswith("transformers."):
        return False  # those of transformers keep the order
    split, pad_id = splits(evidence)[1], evidence.pipeline.pad_id
    features = evidence.features(split.rows, split.few(_ROWS))
    if not features or "input_ids" not in features[0]:
        return False
    batch = evidence.collate(features, as_it_comes=True)
    ids, labels = batch.get("input_ids"), labels_in(batch)
    if len(evidence.pipeline.label_columns) != 1:
        return False
    (column,) = evidence.pipeline.label_columns
    if not isinstance(ids, torch.Tensor) or ids.dim() < 2 or not isinstance(labels, torch.Tensor):  # [B, T]
        return False
    given = [row.get(column) for row in features]
    if len(ids) != len(features) or labels.shape != (len(features),) or not all(isinstance(row, int) for row in given):
        return False
    before = list(zip(fingerprint_rows([row["input_ids"] for row in features], pad_id), given, strict=True))
    after = list(zip(fingerprints(ids, pad_id).tolist(), labels.tolist(), strict=True))
    return before != after and sorted(before) == sorted(after)
