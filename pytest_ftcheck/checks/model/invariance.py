"""Checks of effects on the logits: padding, other rows of the batch, the mask, and the mode of the model.

Shapes: B rows, T columns, K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from pytest_ftcheck.checks.catalogue import NotApplicable, ReportedBy, Thresholds, check, finding, warning
from pytest_ftcheck.checks.model.logits import (
    affordable,
    allowed,
    evaluated_features,
    kept_columns,
    logits_of,
    real_columns,
    require_mask,
    row_of,
    show,
    token_batch,
    tolerance_of,
    without_padding,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from pytest_ftcheck.checks.collator.batches import Features
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_TOLERANCE = {"float32": 1e-4, "bfloat16": 5e-2, "float16": 5e-2}
_NOISE = {"float32": 1e-5, "bfloat16": 1e-2, "float16": 1e-2}
_FEWEST_TOKENS = 4
"""Smallest number of tokens of a row in which one can be masked, with the special tokens around it."""


@check(
    "model.padding_invariance",
    cost="forward",
    tolerance=_TOLERANCE,
    catches="a mask that is not used or wrong, left padding without shifted positions, a head that pools over padding",
    hint="look at how the attention mask reaches the model, at the padding side, and at the tokens the head reads.",
)
def padding_invariance(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """A row has the same logits alone and padded in a batch with a longer one, through the pipeline's own collator.

    For a decoder of transformers whose head reads the last token, with padding on the left, the check only warns: its
    positions are counted from the first column, masked or not, and the model can be trained with that.

    Assumes: padding is masked, and positions are counted from the first token.

    Unusual but healthy: models of transformers without a mask, and data without padding, are skipped; a model that
    reads padding on purpose fails.

    False alarms: none by chance.
    """
    model, worst, found = evidence.fresh_model, -1.0, []
    if type(model).__module__.startswith("transformers."):
        require_mask(model)
    for feature, company in _pairs(evidence):
        alone = without_padding(evidence, token_batch(evidence, [feature]))
        padded = _same_row(evidence, alone, token_batch(evidence, [feature, *company]))
        expected = logits_of(model, alone)
        seen = kept_columns(logits_of(model, padded), real_columns(evidence, padded))
        off = float((expected - seen).abs().max())
        # Written so that NaN counts as different.
        if not off <= allowed(tolerance_of(model, thresholds), expected) and not off <= worst:
            worst = off
            found = [_padding_finding(evidence, padded, expected, seen)]
    if found:
        _require_repeatable(evidence)
    return found


def _pairs(evidence: Evidence) -> Iterator[tuple[dict[str, Any], Features]]:
    """Yield short rows, each with a longer one that makes the collator pad it, or alone if it is padded anyway.

    Raises:
        NotApplicable: no row is ever padded.

    """
    few = evaluated_features(evidence, affordable(evidence, 48, 12))
    batches = [token_batch(evidence, [feature]) for feature in few]
    widths = [int(real_columns(evidence, batch).sum()) for batch in batches]
    order = sorted(range(len(few)), key=widths.__getitem__)
    padded = [row for row in order if widths[row] < batches[row]["input_ids"].shape[-1]]
    if widths[order[0]] == widths[order[-1]] and not padded:
        msg = f"every row has {widths[0]} tokens: nothing is ever padded"
        raise NotApplicable(msg)
    for row in dict.fromkeys(order[len(order) * part // 4] for part in range(3)):
        longer = [other for other in order if widths[other] > widths[row]]
        for other in dict.fromkeys([*longer[:1], *longer[len(longer) // 2 :][:1], *longer[-1:]]):
            yield few[row], [few[other]]
    for row in padded[:2]:
        yield few[row], []


def _same_row(evidence: Evidence, alone: dict[str, Any], batch: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a batch that holds the tokens of the row alone.

    Raises:
        NotApplicable: there is no such row; other checks report it.

    """
    for row in range(len(batch["input_ids"])):
        one = row_of(batch, row)
        if torch.equal(without_padding(evidence, one)["input_ids"], alone["input_ids"]):
            return one
    msg = "the collator changes the tokens of a row"
    raise NotApplicable(msg)


def _padding_finding(evidence: Evidence, padded: dict[str, Any], expected: Tensor, seen: Tensor) -> Finding:
    real, mask = real_columns(evidence, padded), padded.get("attention_mask")
    side = "right" if bool(real[0]) else "left"
    columns, width = int((~real).sum()), int(real.sum())
    subject = f"a row of {width} tokens, padded by {columns} columns on the {side}"
    hint = "the model reads padding: it does not use the attention mask, or its head pools over padding."
    if mask is None or bool(mask[..., ~real].any()):
        hint = "the attention mask does not cover the padding: look at the mask that the collator makes."
    elif side == "left" and "position_ids" not in padded:
        hint = (
            "positions are counted from the first column, and a head may read it, padding or not: pad on the right "
            "(tokenizer.padding_side = 'right'), or pass position_ids that start at the first token."
        )
        if counts_padding(evidence):
            expected_words = f"logits {show(expected)}, as alone (fails where the head reads the padding)"
            return warning(expected_words, show(seen), subject=subject, hint=hint, share=1.0)
    return finding(f"logits {show(expected)}, as alone", show(seen), subject=subject, hint=hint)


def counts_padding(evidence: Evidence) -> bool:
    """Return whether a decoder of transformers reads the last token in its head, and its rows are padded on the left.

    Its mask covers the padding, but learned positions are counted from the first column.
    """
    model: Any = evidence.fresh_model
    left = getattr(evidence.pipeline.processing_class, "padding_side", "right") == "left"
    # The name of such a head in GPT-2, OPT, Llama and similar models.
    is_head = isinstance(getattr(model, "score", None), nn.Linear)
    return left and is_head and type(model).__module__.startswith("transformers.")


@check(
    "model.batch_invariance",
    cost="forward",
    tolerance=_TOLERANCE,
    catches="batch statistics in the model, reshapes that mix rows, a head that reads the next row",
    hint="look for normalisation over the batch, and for view, reshape or squeeze that mix the rows with the columns.",
)
def batch_invariance(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """A row has the same logits whatever other rows are in its batch.

    Assumes: a row's logits do not depend on the other rows.

    Unusual but healthy: a model that compares rows on purpose, or normalises over a batch in evaluation, fails:
    silence the check.

    False alarms: none by chance.
    """
    model = evidence.fresh_model
    batch = token_batch(evidence, evaluated_features(evidence, 4))
    rows = len(batch["input_ids"])
    together = logits_of(model, batch)
    if len(together) != rows:
        return [finding(f"{rows} rows of logits for a batch of {rows} rows", f"{len(together)} rows")]
    for row in range(rows):
        alone = logits_of(model, row_of(batch, row))
        off = float((alone - together[row : row + 1]).abs().max())
        if not off <= allowed(tolerance_of(model, thresholds), together):
            _require_repeatable(evidence)
            subject = f"row {row} of a batch of {rows}, equally padded"
            return [finding(f"logits {show(alone)}, as alone", show(together[row]), subject=subject)]
    return []


@check(
    "model.attention_mask_used",
    cost="forward",
    tolerance=_TOLERANCE,
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
    _require_repeatable(evidence)
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


@check(
    "model.eval_deterministic",
    cost="forward",
    tolerance=_NOISE,
    catches="dropout that is active in evaluation, noise in the forward pass, weights that a forward pass changes",
    hint="look for functional dropout without training=self.training, a train() or eval() that is overridden, and "
    "random numbers in forward().",
)
def eval_deterministic(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Two forward passes in evaluation mode give the same logits.

    Assumes: evaluation draws no random numbers.

    Unusual but healthy: Monte Carlo dropout on purpose fails: silence the check. Kernels that sum in another order stay
    within the tolerance.

    False alarms: none by chance.
    """
    first, second = evidence.once(_two_passes)
    off = float((first - second).abs().max())
    if off <= allowed(tolerance_of(evidence.fresh_model, thresholds), first):
        return []
    row = int((first - second).abs().flatten(1).amax(dim=1).argmax())
    return [finding(f"row {row}: {show(first[row])} twice", f"{show(second[row])} the second time")]


def _two_passes(evidence: Evidence) -> tuple[Tensor, Tensor]:
    batch = token_batch(evidence, evaluated_features(evidence, affordable(evidence, 8, 4)))
    return logits_of(evidence.fresh_model, batch), logits_of(evidence.fresh_model, batch)


def _require_repeatable(evidence: Evidence) -> None:
    """Stop a check of differences if the logits differ between two equal passes: another check reports it.

    Raises:
        ReportedBy: two equal passes differ.

    """
    first, second = evidence.once(_two_passes)
    thresholds = {"tolerance": _NOISE["float32" if evidence.precision == "float32" else "bfloat16"]}
    if not float((first - second).abs().max()) <= allowed(tolerance_of(evidence.fresh_model, thresholds), first):
        raise ReportedBy(check="model.eval_deterministic", reason="two forward passes of one batch differ")
