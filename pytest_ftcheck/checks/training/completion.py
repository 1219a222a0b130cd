"""Checks whether training completes: its losses are finite, and it takes the planned steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.checks.catalogue import check, finding
from pytest_ftcheck.checks.training.declared import arguments, own_callbacks

if TYPE_CHECKING:
    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.runs.run import Run

_FIRST_SKIPS = 4
"""Number of optimizer steps that a gradient scaler skips while it finds its scale."""


_NO_STEP = "no step at all: training took nothing in"
_NO_STEP_HINT = (
    "training ended before its first batch: look at num_train_epochs and max_steps, and whether it resumes from a "
    "checkpoint of an earlier run, which already took these steps."
)


@check(
    "training.completes",
    cost="run",
    catches="code that raises an error: a collator, a loss, a metric, a callback, a batch that the model refuses",
    hint="run the same training alone to see the whole traceback.",
)
def completes(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Training and evaluation complete without an error.

    Assumes: training and evaluation end by themselves.

    Unusual but healthy: early stopping passes.

    False alarms: none by chance.
    """
    del thresholds
    _ = evidence.trained_run  # the engine reports the error under this check's name
    return []


@check(
    "training.finite_loss",
    cost="run",
    catches="NaN or infinity at any step, also if logging_nan_inf_filter hides it from the log",
    hint="look for a learning rate that is too high, fp16 overflow, a division by 0 in the loss, or a NaN in the rows.",
)
def finite_loss(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The training loss is finite at every optimizer step.

    Assumes: every loss is a number.

    Unusual but healthy: a step that a gradient scaler skips has a finite loss and passes; an overflow in the loss
    itself fails.

    False alarms: none by chance.
    """
    del thresholds
    losses = np.asarray(evidence.trained_run.step_losses)
    bad = np.flatnonzero(~np.isfinite(losses))
    if not losses.size:
        return [finding("a training loss at every optimizer step", _NO_STEP, hint=_NO_STEP_HINT)]
    if not bad.size:
        return []
    observed = f"{losses[bad[0]]} at optimizer step {bad[0] + 1}, {bad.size} of {losses.size} steps in all"
    return [finding("a finite training loss at every optimizer step", observed)]


@check(
    "training.steps",
    cost="run",
    thresholds={"skipped": 0.05},  # share of the optimizer steps, beyond the first few
    catches="an optimizer of another model, fp16 overflow that skips steps, steps that are taken twice or too early, "
    "micro-batches that are lost",
    hint="look at where optimizer.step() is called, at the gradient scaler, and at gradient_accumulation_steps.",
)
def steps(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Optimizer steps are taken as planned, each over the recipe's number of micro-batches.

    Assumes: the run takes the number of steps in its arguments.

    Unusual but healthy: callbacks of the user's own may stop training early, and a gradient scaler may skip some steps.

    False alarms: none by chance.
    """
    run = evidence.trained_run
    taken, done, planned = run.trace.steps, len(run.step_losses), run.trace.planned_steps
    expected = f"{planned} optimizer steps"
    if not taken:
        hint = "make the optimizer from the parameters of the trained model, after its last change; or every "
        hint += "step was skipped: look for fp16 overflow."
        if not done:
            hint = (
                "training ended before its first batch: look at num_train_epochs and max_steps, and whether it resumes "
            )
            hint += "from a checkpoint of an earlier run, which already took these steps."
            return [finding(expected, "no step at all: training took nothing in", hint=hint)]
        return [finding(expected, f"none that changes the model, after {done} groups of batches", hint=hint)]
    if taken > done:
        hint = "optimizer.step() is called in training_step, in a callback or in a loss: leave it to the Trainer."
        return [finding(f"{done} optimizer steps, one for each group of batches", f"{taken}", hint=hint)]
    found = []
    if done != planned and not (done < planned and own_callbacks(evidence)):
        found.append(finding(expected, f"training ended after {done}"))
    if done - taken > max(_FIRST_SKIPS, thresholds["skipped"] * done):
        hint = "the gradients overflow: look at the learning rate and the loss, or use bf16 instead of fp16."
        at_most = f"at most {thresholds['skipped']:.0%} of {done} optimizer steps skipped by the gradient scaler"
        found.append(finding(at_most, f"{done - taken} skipped", hint=hint))
    return found + ([] if done > taken else _micro_steps(run, arguments(evidence).gradient_accumulation_steps))


def _micro_steps(run: Run, size: int) -> list[Finding]:
    """Compare the micro-batches of every optimizer step with what the recipe accumulates; the last may have fewer."""
    batches = [len(epoch.batch_sizes) for epoch in run.trace.passes if epoch.kind == "train"]
    if sum(batches) != sum(run.trace.micro_steps):  # batches without input_ids are not counted
        return []
    groups = [[size] * (count // size) + [count % size] * bool(count % size) for count in batches]
    expected = [count for epoch in groups for count in epoch]
    for step, (right, seen) in enumerate(zip(expected, run.trace.micro_steps, strict=False), 1):
        if right != seen:
            return [finding(f"{right} micro-batches in optimizer step {step}", f"{seen} of them")]
    return []
