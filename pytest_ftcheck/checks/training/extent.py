"""Checks of how long a training goes on: over most of its rows, and not stopped while it gets better."""

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
"""Rows from which on a part of an epoch may be all that is meant."""


@check(
    "training.extent",
    cost="run",
    thresholds={"fail": 0.5, "warn": 0.9},  # of an epoch
    catches="max_steps that was left over from a trial: a training that has seen a part of its rows",
    hint="take max_steps out of the arguments, or out of an environment variable that sets it; num_train_epochs says "
    "how long to train.",
)
def extent(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Training goes over most of its rows at least once.

    Less than ``fail`` of an epoch is a failure up to 20,000 train rows, and a warning above: with many rows, a part of
    them may be all that is meant.

    Assumes: the train rows are there to be trained on.

    Unusual but healthy: a few steps on purpose, from a checkpoint that is nearly right: red up to 20,000 rows.

    False alarms: none by chance. Rows are counted.
    """
    require_steps(evidence)
    rows, run = len(evidence.pipeline.train_dataset), evidence.trained_run
    drawn = sum(sum(epoch.batch_sizes) for epoch in run.trace.passes if epoch.kind == "train")
    if not drawn or not rows:
        msg = "its batches do not say how many rows they hold"
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
    return [finding(f"all {rows} train rows, or half of them at least", observed)]


@check(
    "training.evaluations",
    cost="run",
    catches="eval_delay beyond the end, a callback that takes the turn of an evaluation away: no epoch is ever judged",
    hint="look at eval_delay and eval_steps, and at callbacks that evaluate by themselves or return another control.",
)
def evaluations(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Where the recipe evaluates while it trains (``eval_strategy``), at least one evaluation takes place.

    Assumes: what is asked for is wanted.

    Unusual but healthy: a training that ends before the first evaluation is due is let through.

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


_PATIENCE = "early_stopping_patience counts evaluations: let it span an epoch at least, or evaluate once an epoch."


@check(
    "training.stopped",
    cost="run",
    # Part of the planned steps; accuracy, or explained variance, that is good enough to stop at.
    # By how much the last evaluation must be better than all before, for a stop at it to be wrong.
    thresholds={"early": 0.5, "good": 0.9, "gain": 0.01},
    catches="a callback that stops training because it gets better: early stopping with its sign turned",
    hint="look at greater_is_better, and at how the callback compares: a loss is better when it is smaller.",
)
def stopped(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """No callback stops training while every evaluation is better than the one before.

    It fails where early stopping waits for less than an epoch, before half of the planned steps, while the evaluation
    loss falls. It fails where training is stopped at its second evaluation, the first that can be compared, before half
    of the planned steps, with a loss that fell, and predictions that are less than ``good``; and where the metric that
    decides is better by ``gain`` than at any evaluation before, so that a threshold takes progress for none. Elsewhere
    such a stop is a warning: a callback may stop at a target, or at a time.

    Assumes: a callback stops where an evaluation is worse.

    Unusual but healthy: a stop at a target below ``good``, or after minutes, at the second evaluation: red.

    False alarms: none by chance. What is compared is one training's own course.
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
    expected = f"{planned} optimizer steps, or a stop where the evaluation is no longer better"
    early = len(run.epochs) == 2 and done <= thresholds["early"] * planned
    if (early and not _good(evidence, thresholds["good"])) or _best_so_far(evidence, thresholds["gain"]):
        return [finding(expected, observed + _thresholds(evidence))]
    return [warning(expected, observed, share=1 - done / planned)]


def _impatient(evidence: Evidence) -> str:
    """Say that early stopping gave a training less than an epoch to get better, while its loss still fell.

    Patience counts evaluations, of which an epoch may have many.
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
        f"{planned} steps: so many evaluations are {span:.2g} epochs, and the evaluation loss still fell"
    )


def _best_so_far(evidence: Evidence, gain: float) -> bool:
    """Return whether early stopping ends a training whose deciding metric was never as good, by a clear step each time."""
    declared, epochs = arguments(evidence), evidence.trained_run.epochs
    key = str(declared.metric_for_best_model or "").removeprefix("eval_")
    if not _thresholds(evidence) or len(epochs) <= 2 or any(key not in epoch for epoch in epochs):
        return False
    sign = 1.0 if declared.greater_is_better else -1.0
    values = [sign * epoch[key] for epoch in epochs]
    return all(later > max(values[:place]) + gain for place, later in enumerate(values[-2:], len(values) - 2))


def _thresholds(evidence: Evidence) -> str:
    """Name the threshold of early stopping, where there is one."""
    callbacks = evidence.pipeline.source.own.callbacks
    stoppers = [each for each in callbacks if isinstance(each, EarlyStoppingCallback)]
    highest = max((each.early_stopping_threshold or 0.0 for each in stoppers), default=0.0)
    return f"; early_stopping_threshold = {highest:g}" if highest else ""


def _improved(before: Mapping[str, float], after: Mapping[str, float]) -> bool:
    """Return whether the loss fell, by more than a hundredth, and no share of right predictions did."""
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
