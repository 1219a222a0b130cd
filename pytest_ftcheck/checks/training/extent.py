"""Checks of the length of a training: it covers most of its rows, and is not stopped while it improves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from transformers import EarlyStoppingCallback

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding, warning
from pytest_ftcheck.checks.metrics.rows import judged
from pytest_ftcheck.checks.training.declared import arguments, own_callbacks, own_sampler, require_steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_LARGE = 20_000
"""Number of rows from which on a part of an epoch may be intended."""


@check(
    "training.extent",
    cost="run",
    thresholds={"fail": 0.5, "warn": 0.9},  # of an epoch
    catches="max_steps that was left over from a trial: a training on a part of its rows",
    hint="remove max_steps from the arguments, or from an environment variable that sets it; num_train_epochs sets "
    "the length of the training.",
)
def extent(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Training covers most of its rows at least once.

    Less than ``fail`` of an epoch fails up to 20,000 train rows, and warns above: with many rows, training on a part of
    them may be intended.

    Assumes: all train rows are meant to be used.

    Unusual but healthy: a few steps on purpose, from a checkpoint that is nearly right, fail up to 20,000 rows.

    False alarms: none by chance. Rows are counted.
    """
    require_steps(evidence)
    rows, run = len(evidence.pipeline.train_dataset), evidence.trained_run
    drawn = sum(sum(epoch.batch_sizes) for epoch in run.trace.passes if epoch.kind == "train")
    if not drawn or not rows:
        msg = "the number of rows in its batches is not known"
        raise NotApplicable(msg)
    if drawn >= thresholds["warn"] * rows:
        return []
    most = arguments(evidence).max_steps
    reason = f" (max_steps = {most})" if most > 0 else ""
    sampler = own_sampler(evidence)
    by = f" by the sampler {sampler}, whose length may not be that of the rows," if sampler else ""
    steps = f"in only {run.trace.steps} optimizer steps{reason}"
    observed = f"only {drawn} rows were drawn{by} {steps}: {drawn / rows:.0%} of an epoch"
    if drawn >= thresholds["fail"] * rows or rows > _LARGE:
        fails = f" (less than {thresholds['fail']:.0%} fail)" if rows <= _LARGE else ""
        return [warning(f"all {rows} train rows{fails}", observed, share=1 - drawn / rows)]
    return [finding(f"all {rows} train rows, or at least half of them", observed)]


@check(
    "training.evaluations",
    cost="run",
    catches="eval_delay beyond the end, a callback that cancels evaluations, so that no epoch is evaluated",
    hint="look at eval_delay and eval_steps, and at callbacks that evaluate by themselves or return another control.",
)
def evaluations(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """If the recipe evaluates during training (``eval_strategy``), at least one evaluation takes place.

    Assumes: the evaluations of the recipe are wanted.

    Unusual but healthy: a training that ends before its first evaluation is due passes.

    False alarms: none by chance.
    """
    del thresholds
    require_steps(evidence)
    run, declared = evidence.trained_run, arguments(evidence)
    strategy = str(getattr(declared.eval_strategy, "value", declared.eval_strategy))
    if strategy == "no" or run.epochs:
        return []
    epochs = len([seen for seen in run.trace.passes if seen.kind == "train"])
    every = declared.eval_steps if strategy == "steps" else None
    due = epochs if every is None else int(run.trace.steps // every) if every >= 1 else 1
    if not due:
        return []
    delay = f", eval_delay = {declared.eval_delay:g}" if declared.eval_delay else ""
    own = own_callbacks(evidence)
    beside = f"; callbacks: {own}" if own else ""
    observed = f"none was logged in {epochs} epochs and {run.trace.steps} optimizer steps{delay}{beside}"
    return [finding(f"evaluations during training (eval_strategy = {strategy!r})", observed)]


_PATIENCE = (
    "early_stopping_patience counts evaluations: choose it to span at least an epoch, or evaluate once an epoch."
)


@check(
    "training.stopped",
    cost="run",
    # Fraction of the planned steps; accuracy, or explained variance, that is good enough to stop at.
    # Gain of the last evaluation over all earlier ones from which on a stop is wrong.
    thresholds={"early": 0.5, "good": 0.9, "gain": 0.01},
    catches="a callback that stops training because the metric improves: early stopping with inverted sign",
    hint="look at greater_is_better, and at the comparison in the callback: a smaller loss is better.",
)
def stopped(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """No callback stops training while every evaluation is better than the one before.

    The check fails in three cases. Early stopping waits for less than an epoch, before half of the planned steps, while
    the evaluation loss falls. Training is stopped at its second evaluation, the first that can be compared, before half
    of the planned steps, with a falling loss and predictions below ``good``. The deciding metric is better by ``gain``
    than at any evaluation before, so that the threshold of early stopping ignores progress. In other cases the check
    warns: a callback may stop at a target, or after a time.

    Assumes: a callback stops when an evaluation is worse.

    Unusual but healthy: a stop at the second evaluation, at a target below ``good`` or after a time limit, fails.

    False alarms: none by chance. The check compares evaluations of one training.
    """
    run, planned = evidence.trained_run, evidence.trained_run.trace.planned_steps
    done, own = len(run.step_losses), own_callbacks(evidence)
    if done >= planned or len(run.epochs) < 2:  # two evaluations can be compared
        return []
    if impatient := _impatient(evidence):
        return [finding(f"{planned} optimizer steps, or a patience of at least an epoch", impatient, hint=_PATIENCE)]
    if not _improved(run.epochs[-2], run.epochs[-1]):
        return []
    observed = (
        f"{own or 'something'} stopped training after {done} of {planned} optimizer steps, at an evaluation where the "
        f"loss fell from {run.epochs[-2]['loss']:.4g} to {run.epochs[-1]['loss']:.4g}"
    )
    expected = f"{planned} optimizer steps, or a stop when the evaluation no longer improves"
    early = len(run.epochs) == 2 and done <= thresholds["early"] * planned
    if (early and not _good(evidence, thresholds["good"])) or _best_so_far(evidence, thresholds["gain"]):
        return [finding(expected, observed + _thresholds(evidence))]
    return [warning(expected, observed, share=1 - done / planned)]


def _impatient(evidence: Evidence) -> str:
    """Describe early stopping that waited for less than an epoch while the loss still fell; else an empty text.

    Patience counts evaluations, and an epoch may have many.
    """
    callbacks, run = evidence.pipeline.source.own.callbacks, evidence.trained_run
    patience = [one.early_stopping_patience for one in callbacks if isinstance(one, EarlyStoppingCallback)]
    epochs = [seen for seen in run.trace.passes if seen.kind == "train"]
    steps = [entry["step"] for entry in run.epochs if "step" in entry]
    rows, planned = len(evidence.pipeline.train_dataset), run.trace.planned_steps
    if not patience or len(steps) < 2 or not epochs or not rows:  # an interval
        return ""
    drawn = sum(sum(epoch.batch_sizes) for epoch in epochs)
    span = patience[0] * (steps[-1] - steps[-2]) * drawn / max(len(run.step_losses), 1) / rows
    losses = [entry.get("loss", math.nan) for entry in run.epochs]
    falls = losses[-1] <= min(losses[: -patience[0]], default=math.inf)
    if span >= 1 or len(run.step_losses) > planned / 2 or not falls:
        return ""
    return (
        f"EarlyStoppingCallback with early_stopping_patience = {patience[0]} stopped after {len(run.step_losses)} of "
        f"{planned} steps: these evaluations span {span:.2g} epochs, and the evaluation loss still fell"
    )


def _best_so_far(evidence: Evidence, gain: float) -> bool:
    """Return whether early stopping ends a training whose deciding metric improved clearly at each evaluation."""
    declared, epochs = arguments(evidence), evidence.trained_run.epochs
    key = str(declared.metric_for_best_model or "").removeprefix("eval_")
    if not _thresholds(evidence) or len(epochs) <= 2 or any(key not in epoch for epoch in epochs):
        return False
    sign = 1.0 if declared.greater_is_better else -1.0
    values = [sign * epoch[key] for epoch in epochs]
    return all(later > max(values[:place]) + gain for place, later in enumerate(values[-2:], len(values) - 2))


def _thresholds(evidence: Evidence) -> str:
    """Name the threshold of early stopping, if there is one."""
    callbacks = evidence.pipeline.source.own.callbacks
    stoppers = [each for each in callbacks if isinstance(each, EarlyStoppingCallback)]
    highest = max((each.early_stopping_threshold or 0.0 for each in stoppers), default=0.0)
    return f"; early_stopping_threshold = {highest:g}" if highest else ""


def _improved(before: Mapping[str, float], after: Mapping[str, float]) -> bool:
    """Return whether the loss fell by more than a hundredth, and no fraction of right predictions fell."""
    known = [name for name in ("accuracy", "f1", "matthews_correlation", "pearson") if name in before and name in after]
    if "loss" not in before or not after.get("loss", float("nan")) < 0.99 * before["loss"]:
        return False
    return all(after[name] >= before[name] for name in known)


def _good(evidence: Evidence, least: float) -> bool:
    rows = judged(evidence)
    if rows.regression:
        residual = float(((rows.predictions - rows.labels) ** 2).mean())
        return 1 - residual / max(float(rows.labels.var()), 1e-12) >= least
    return float((rows.predictions == rows.labels).mean()) >= least
