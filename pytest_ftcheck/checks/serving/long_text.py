"""Checks of a text that is longer than the model's limit: the saved tokenizer must have the limit."""

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
"""Number of tested tokens beyond the model's positions."""
_LONGEST = 4096
"""Largest number of positions of a checked model: a forward pass over more takes too long."""


@check(
    "serving.long_text",
    cost="forward",
    catches="a tokenizer without model_max_length, with a model of limited positions: a long text makes the model fail",
    hint="set tokenizer.model_max_length to the model's limit before it is saved; pipeline(…, truncation=True) cuts "
    "there.",
)
def long_text(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The saved tokenizer truncates a text that is longer than the model's limit.

    Assumes: a server relies on the tokenizer to truncate, as `transformers.pipeline` does.

    Unusual but healthy: a service that cuts texts itself fails. Models without a fixed number of positions are skipped.

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
    declared = f"model_max_length = {limit}" if limit < 10**6 else "no model_max_length"
    expected = f"a tokenizer that truncates a text to the model's limit of {positions} tokens"
    observed = f"it makes {len(ids)} tokens of a long text ({declared}), and the model raises {error}"
    return [finding(expected, observed)]


def _error(evidence: Evidence, ids: list[int]) -> str:
    """Name the error of the untrained model for a row of that many tokens; an empty text if there is none."""
    row = torch.tensor([ids], device=evidence.environment["device"])
    try:
        logits_of(evidence.fresh_model, {"input_ids": row, "attention_mask": torch.ones_like(row)})
    except (IndexError, RuntimeError, ValueError) as error:
        return type(error).__name__
    return ""
