"""Checks of the model during training and evaluation: its mode, its weights, and its inputs."""

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
"""Number of rows whose segments are read."""


def _passes(evidence: Evidence, kind: str) -> list[Pass]:
    passes = [seen for seen in evidence.run.trace.passes if seen.kind == kind]
    if not passes:
        msg = "the inputs of the model are not known: its batches have no input_ids [B, T]"
        raise NotApplicable(msg)
    return passes


@check(
    "training.train_mode",
    cost="run",
    catches="model.eval() without a later model.train(), after an evaluation or in training_step",
    hint="call model.train() before each epoch, after every evaluation.",
)
def train_mode(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Training runs in train mode: dropout is active.

    Assumes: at least one module is in train mode during training.

    Unusual but healthy: models without dropout are skipped; a frozen part in eval mode passes.

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
    hint="call model.eval() before evaluating; an overridden prediction_step or evaluate() must not change the mode.",
)
def eval_mode(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Every evaluation runs in eval mode: without dropout.

    Assumes: evaluation runs in eval mode.

    Unusual but healthy: Monte Carlo dropout on purpose fails: silence the check.

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
    hint="an evaluation must not train: look for optimizer.step(), averaged weights that are not restored, and "
    "BatchNorm in train mode.",
)
def eval_keeps_weights(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """No evaluation changes the weights.

    Assumes: an evaluation changes no weight.

    Unusual but healthy: averaged weights that replace the weights in an evaluation must be removed before its end; else
    the check fails.

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
    catches="a loss or collator that passes only input_ids: attention_mask or token_type_ids dropped",
    hint="call model(**inputs) with all columns of the tokenizer: look at compute_loss, prediction_step, the collator "
    "and the columns that are kept.",
)
def mask_reaches_model(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Attention mask and segments reach the model in training and in evaluation, if the rows have them.

    Assumes: the forward pass gets all columns that the rows have and the model takes.

    Unusual but healthy: inputs_embeds replace the ids; a model whose parts are called separately is skipped.

    False alarms: none by chance.
    """
    del thresholds
    trace = evidence.run.trace
    seen = {"training": trace.forward_keys, "evaluation": trace.eval_forward_keys}
    if not any(seen.values()):
        msg = "the model's forward was not called: the code calls its parts separately"
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
    """Name the inputs that the model needs, and why."""
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
