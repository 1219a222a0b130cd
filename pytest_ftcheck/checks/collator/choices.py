"""Checks that a collator of several choices keeps a row's choices together. Shapes: B rows, C choices, T columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding
from pytest_ftcheck.checks.collator.batches import plain_values
from pytest_ftcheck.checks.data.splits import splits
from pytest_ftcheck.heads.traits import CHOICES

if TYPE_CHECKING:
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_AXES = 3


@check(
    "collator.choices_together",
    cost="free",
    needs=(CHOICES,),
    catches="choices that are reshaped in another order than they were flattened: view(C, B) instead of view(B, C)",
    hint="pad the choices of all rows as one list, row by row, and reshape it with view(len(features), C, -1).",
)
def choices_together(evidence: Evidence, _thresholds: Thresholds) -> list[Finding]:
    """Choice c of row r is at ``input_ids[r, c]`` of a batch.

    Assumes: a batch is a tensor of rows, choices and tokens.

    Unusual but healthy: a collator that flattens the choices, for a model that groups them itself, fails.

    False alarms: none by chance. The rows are fixed.
    """
    split = splits(evidence)[1]
    choices = evidence.pipeline.card.num_labels
    # The numbers of rows and choices must differ: otherwise the wrong order has the right shape.
    features = evidence.features(split.rows, split.few(choices + 1))
    if "input_ids" not in features[0]:
        msg = "the collator makes the token ids itself: there are none to compare its batches with"
        raise NotApplicable(msg)
    ids, pad = evidence.collate(features).get("input_ids"), evidence.pipeline.pad_id
    expected = [len(features), choices]
    if not isinstance(ids, torch.Tensor) or ids.dim() != _AXES or list(ids.shape[:2]) != expected:
        observed = f"shape {tuple(ids.shape)}" if isinstance(ids, torch.Tensor) else type(ids).__name__
        return [finding(f"input_ids [B, C, T] of {expected[0]} rows with {choices} choices", observed)]
    wanted = {
        (row, choice): [token for token in plain_values(tokens) if token != pad]
        for row, feature in enumerate(features)
        for choice, tokens in enumerate(feature["input_ids"])
    }
    seen = {place: [token for token in ids[place].tolist() if token != pad] for place in wanted}
    wrong = [place for place, tokens in wanted.items() if seen[place] != tokens]
    if not wrong:
        return []
    row, choice = wrong[0]
    there = next((place for place, tokens in seen.items() if tokens == wanted[wrong[0]]), None)
    where = "nowhere in the batch" if there is None else f"at row {there[0]}, choice {there[1]}"
    observed = f"{len(wrong)} of {len(wanted)} do not: that of row {row}, choice {choice} stands {where}"
    return [finding("each choice in its own row and place", observed)]
