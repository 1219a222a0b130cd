"""Whether a token that the attention mask hides has an effect on the logits.

Shapes: T columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding
from pytest_ftcheck.checks.model.deterministic import require_repeatable
from pytest_ftcheck.checks.model.logits import (
    TOLERANCE,
    allowed,
    evaluated_features,
    kept_columns,
    logits_of,
    require_mask,
    show,
    token_batch,
    tolerance_of,
    without_padding,
)

if TYPE_CHECKING:
    from torch import Tensor

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_FEWEST_TOKENS = 4
"""Smallest number of tokens of a row in which one can be masked, with the special tokens around it."""


@check(
    "model.attention_mask_used",
    cost="forward",
    tolerance=TOLERANCE,
    catches="a model or wrapper that drops the attention mask, or inverts it",
    hint="pass attention_mask to the layers: a token with a mask of 0 must not be read.",
)
def attention_mask_used(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Tokens with a mask of 0 have no effect on the logits.

    Assumes: the model takes an attention mask, and reads no token under a mask of 0.

    Unusual but healthy: models without a mask by design are skipped; for recurrent models and decoders, one of three
    positions of the masked tokens must pass.

    False alarms: none by chance.
    """
    model = evidence.fresh_model
    require_mask(model)
    longest: dict[str, Any] | None = None
    for feature in evaluated_features(evidence, 16):
        batch = without_padding(evidence, token_batch(evidence, [feature]))
        if longest is None or batch["input_ids"].shape[-1] > longest["input_ids"].shape[-1]:
            longest = batch
    width = 0 if longest is None else longest["input_ids"].shape[-1]
    if longest is None or width < _FEWEST_TOKENS:
        msg = f"the longest row has {width} tokens: none of them can be masked"
        raise NotApplicable(msg)
    masked = torch.zeros(width, dtype=torch.bool)
    inside, end = masked.clone(), masked.clone()
    inside[width // 2] = True
    # Mask tokens where padding would be; at the beginning only if the tokenizer pads on the left.
    left = getattr(evidence.pipeline.processing_class, "padding_side", "right") == "left"
    end[: width // 3] = left
    end[-(width // 3) :] = not left
    tried = ((longest, inside), (longest, end), _appended(evidence, longest, left=left))
    changes = [made for batch, where in tried if (made := _changed_under_mask(model, batch, where)) is not None]
    if not changes:
        msg = "the model refuses a row in which another token has a mask of 0"
        raise NotApplicable(msg)
    # A recurrent model counts its length in the mask, a decoder's head finds the last token by its id, the head of an
    # encoder-decoder reads all tokens up to the last one: each passes one of these. Without the mask, all change.
    (expected, seen), off = changes[0], [float((first - second).abs().max()) for first, second in changes]
    if any(value <= allowed(tolerance_of(model, thresholds), expected) for value in off):
        return []
    require_repeatable(evidence)
    return [
        finding(
            f"the same logits whatever token has a mask of 0: {show(expected)}",
            f"{show(seen)} with another token in column {width // 2} of {width}",
        )
    ]


def _appended(evidence: Evidence, batch: dict[str, Any], *, left: bool) -> tuple[dict[str, Any], Tensor]:
    """Return a row with a few additional columns of padding, and a mask of these columns, ``[T]``."""
    ids = batch["input_ids"]
    pad = evidence.pipeline.pad_id or 0
    sides = (_FEWEST_TOKENS, 0) if left else (0, _FEWEST_TOKENS)
    longer = {
        name: nn.functional.pad(value, sides, value=pad if name == "input_ids" else 0)
        if isinstance(value, torch.Tensor) and value.shape == ids.shape
        else value
        for name, value in batch.items()
    }
    return longer, nn.functional.pad(torch.zeros(ids.shape[-1], dtype=torch.bool), sides, value=True)


def _changed_under_mask(model: nn.Module, batch: dict[str, Any], where: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return the logits of a row with some tokens masked, and the logits with other tokens in their place.

    Returns:
        None if the model refuses the row, for example because it needs its end token.

    """
    ids = batch["input_ids"]
    where = where.to(ids.device)
    mask = torch.ones_like(ids).masked_fill(where[None], 0)
    tokens, inside = ids.flatten().tolist(), ids[..., where].flatten().tolist()
    outside = [token for token in tokens[1:-1] if token not in inside]
    other = outside[0] if outside else tokens[0]
    masked = {**batch, "attention_mask": mask}
    try:
        both = logits_of(model, masked), logits_of(model, {**masked, "input_ids": ids.masked_fill(where[None], other)})
        # The logits of a masked token itself may change: they are not used.
        return kept_columns(both[0], ~where), kept_columns(both[1], ~where)
    except ValueError:
        return None
