"""Whether the padding of a row has an effect on its logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding, warning
from pytest_ftcheck.checks.model.deterministic import require_repeatable
from pytest_ftcheck.checks.model.logits import (
    TOLERANCE,
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


@check(
    "model.padding_invariance",
    cost="forward",
    tolerance=TOLERANCE,
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
        require_repeatable(evidence)
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
