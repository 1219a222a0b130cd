"""What happens to a text that is longer than the model takes: the tokenizer that is saved must know the limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding
from pytest_ftcheck.checks.model.logits import logits_of
from pytest_ftcheck.pipeline.forward import unwrapped

if TYPE_CHECKING:
    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_BEYOND = 8
"""Tokens beyond the model's positions that are tried."""
_LONGEST = 4096
"""Positions of a model that is asked: a forward pass over more takes too long."""


@check(
    "serving.long_text",
    cost="forward",
    catches="a tokenizer without model_max_length beside a model with so many positions: a page of text crashes it",
    hint="set tokenizer.model_max_length to what the model takes before it is saved; pipeline(…, truncation=True) cuts "
    "there.",
)
def long_text(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """A text that is longer than the model takes is truncated by its own tokenizer.

    Assumes: whoever serves the model relies on its tokenizer, as `transformers.pipeline` does.

    Unusual but healthy: a service that cuts texts itself: red. Models without a fixed number of positions are skipped.

    False alarms: none by chance.
    """
    del thresholds
    tokenizer, model = evidence.tokenizer, evidence.fresh_model
    config: Any = unwrapped(model).config
    positions = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    if not isinstance(positions, int) or not 0 < positions <= _LONGEST:
        msg = f"its configuration names no number of positions up to {_LONGEST}"
        raise NotApplicable(msg)
    words = " ".join(["a text"] * positions)
    ids: list[int] = tokenizer(words, truncation=True, verbose=False)["input_ids"]
    if len(ids) <= positions or not (error := _error(evidence, ids[: positions + _BEYOND])):
        return []
    limit = tokenizer.model_max_length
    said = f"model_max_length = {limit}" if limit < 10**6 else "no model_max_length"
    expected = f"a tokenizer that cuts a text at what the model takes, {positions} tokens"
    observed = f"it makes {len(ids)} tokens of a long text ({said}), and the model raises {error}"
    return [finding(expected, observed)]


def _error(evidence: Evidence, ids: list[int]) -> str:
    """Name what the untrained model raises for a row of so many tokens; an empty text where it takes them."""
    row = torch.tensor([ids], device=evidence.environment["device"])
    try:
        logits_of(evidence.fresh_model, {"input_ids": row, "attention_mask": torch.ones_like(row)})
    except (IndexError, RuntimeError, ValueError) as error:
        return type(error).__name__
    return ""
