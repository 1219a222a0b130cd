"""What must hold while the model trains and is evaluated: its mode, its weights, and what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding
from pytest_ftcheck.columns import joined_ids
from pytest_ftcheck.pipeline.forward import forward_parameters

if TYPE_CHECKING:
    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.runs.trace import Pass

_ROWS = 200
"""Rows whose segments are looked at."""


def _passes(evidence: Evidence, kind: str) -> list[Pass]:
    passes = [seen for seen in evidence.run.trace.passes if seen.kind == kind]
    if not passes:
        msg = "no batch was seen on its way to the model: its batches have no input_ids [B, T]"
        raise NotApplicable(msg)
    return passes


@check(
    "training.train_mode",
    cost="run",
    catches="model.eval() that is never taken back after an evaluation, or in training_step",
    hint="call model.train() before each epoch, after every evaluation.",
)
def train_mode(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Training runs in train mode: dropout is active.

    Assumes: some module is in train mode while it trains.

    Unusual but healthy: models without dropout are skipped; a frozen part in eval mode is let through.

    False alarms: none by chance.
    """
    del thresholds
    evidence.require_training()
    model: Any = evidence.fresh_model
    rates = [getattr(module, "p", 0) for module in model.modules() if "dropout" in type(module).__name__.casefold()]
    if not any(rates):
        msg = "the model has no dropout"
        raise NotApplicable(msg)
    quiet = [number for number, seen in enumerate(_passes(evidence, "train"), 1) if not seen.in_train_mode]
    if not quiet:
        return []
    observed = f"no module is in train mode in epoch {quiet[0]}, {len(quiet)} epochs in all"
    return [finding("train mode in every epoch", observed)]


@check(
    "training.eval_mode",
    cost="run",
    catches="evaluation with dropout, model.train() in a metric or an overridden evaluation",
    hint="call model.eval() before evaluating; an overridden prediction_step or evaluate() must not change it.",
)
def eval_mode(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Every evaluation runs in eval mode: without dropout.

    Assumes: evaluation runs in eval mode.

    Unusual but healthy: Monte Carlo dropout on purpose fails: silence it.

    False alarms: none by chance.
    """
    del thresholds
    passes = _passes(evidence, "eval")
    wrong = [number for number, seen in enumerate(passes, 1) if seen.in_train_mode]
    if not wrong:
        return []
    observed = f"train mode in {len(wrong)} of {len(passes)} evaluations, first in number {wrong[0]}"
    return [finding("eval mode in every evaluation", observed)]


@check(
    "training.eval_keeps_weights",
    cost="run",
    catches="an optimizer step, an average of weights or running statistics that change in evaluation",
    hint="an evaluation must not train: look for optimizer.step(), averaged weights that are not put back, and "
    "BatchNorm in train mode.",
)
def eval_keeps_weights(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """No evaluation changes the weights.

    Assumes: an evaluation changes no weight.

    Unusual but healthy: averaged weights that are swapped in for an evaluation must be swapped back within it, else it
    fails.

    False alarms: none by chance.
    """
    del thresholds
    passes = _passes(evidence, "eval")
    wrong = [number for number, seen in enumerate(passes, 1) if seen.weights_changed]
    if not wrong:
        return []
    observed = f"others after {len(wrong)} of {len(passes)} evaluations, first after number {wrong[0]}"
    return [finding("the same weights after every evaluation", observed)]


@check(
    "training.mask_reaches_model",
    cost="run",
    catches="a loss or collator that hands on input_ids alone: attention_mask or token_type_ids dropped",
    hint="call model(**inputs) with all that the tokenizer made: look at compute_loss, prediction_step, the collator "
    "and the columns that are kept.",
)
def mask_reaches_model(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Attention mask and segments reach the model in training and in evaluation, where the rows have them.

    Assumes: what the rows have and the model takes, its forward gets.

    Unusual but healthy: inputs_embeds stand for the ids; a model whose parts are called one by one is skipped.

    False alarms: none by chance.
    """
    del thresholds
    trace = evidence.run.trace
    seen = {"training": trace.forward_keys, "evaluation": trace.eval_forward_keys}
    if not any(seen.values()):
        msg = "the model's forward was not called as such: its parts are"
        raise NotApplicable(msg)
    needed = _needed(evidence)
    found = []
    for when, keys in seen.items():
        for name, why in needed.items():
            if keys and name not in keys and "inputs_embeds" not in keys:
                found.append(finding(f"{name} in every forward pass of {when}: {why}", f"only {', '.join(keys)}"))
    if trace.padded_without_mask and not found:
        found.append(finding("an attention mask with every batch that has padding", "padding without a mask"))
    return found


def _needed(evidence: Evidence) -> dict[str, str]:
    """Name the inputs that the model would miss, and why."""
    rows, model = evidence.pipeline.train_dataset, evidence.fresh_model
    taken = forward_parameters(model)
    indices = np.linspace(0, len(rows) - 1, min(_ROWS, len(rows))).astype(int).tolist()
    some = rows.with_format(None).select(indices)
    needed = {}
    if (
        "token_type_ids" in rows.column_names
        and "token_type_ids" in taken
        and any(any(joined_ids(row)) for row in some["token_type_ids"])
    ):
        needed["token_type_ids"] = "the rows have two segments"
    if "attention_mask" in rows.column_names and "attention_mask" in taken and "input_ids" in rows.column_names:
        lengths = {len(joined_ids(ids)) for ids in some["input_ids"]}
        if len(lengths) > 1 or not all(all(joined_ids(row)) for row in some["attention_mask"]):
            needed["attention_mask"] = "the rows are padded"
    return needed
