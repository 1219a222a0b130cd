"""What must hold for how long a training goes on: over most of its rows, and not stopped while it gets better."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding, warning
from pytest_ftcheck.checks.metrics.rows import judged
from pytest_ftcheck.checks.training.declared import arguments, own_callbacks, require_steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.checks.catalogue import Limits
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_LARGE = 20_000
"""Rows from which on a part of an epoch may be all that is meant."""


@check(
    "training.extent",
    cost="run",
    limits={"fail": 0.5, "warn": 0.9},  # of an epoch
    catches="max_steps that was left over from a trial: a training that has seen a part of its rows",
    hint="take max_steps out of the arguments, or out of an environment variable that sets it; num_train_epochs says "
    "how long to train.",
)
def extent(evidence: Evidence, limits: Limits) -> list[Finding]:
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
    if drawn >= limits["warn"] * rows:
        return []
    most = arguments(evidence).max_steps
    reason = f" (max_steps = {most})" if most > 0 else ""
    observed = f"{drawn} rows were drawn in {run.trace.steps} optimizer steps{reason}: {drawn / rows:.0%} of an epoch"
    if drawn >= limits["fail"] * rows or rows > _LARGE:
        fails = f" (less than {limits['fail']:.0%} fail)" if rows <= _LARGE else ""
        return [warning(f"all {rows} train rows{fails}", observed, share=1 - drawn / rows)]
    return [finding(f"all {rows} train rows, or half of them at least", observed)]


@check(
    "training.stopped",
    cost="run",
    # Part of the planned steps; accuracy, or explained variance, that is good enough to stop at.
    limits={"early": 0.5, "good": 0.9},
    catches="a callback that stops training because it gets better: early stopping with its sign turned",
    hint="look at greater_is_better, and at how the callback compares: a loss is better when it is smaller.",
)
def stopped(evidence: Evidence, limits: Limits) -> list[Finding]:
    """No callback stops training while every evaluation is better than the one before.

    It fails where training is stopped at its second evaluation, the first that can be compared, before half of the
    planned steps, with a loss that fell, and predictions that are less than ``good``. Elsewhere such a stop is a
    warning: a callback may stop at a target, or at a time.

    Assumes: a callback stops where an evaluation is worse.

    Unusual but healthy: a stop at a target below ``good``, or after minutes, at the second evaluation: red.

    False alarms: none by chance. What is compared is one training's own course.
    """
    run, planned = evidence.trained_run, evidence.trained_run.trace.planned_steps
    done, own = len(run.step_losses), own_callbacks(evidence)
    if done >= planned or len(run.epochs) < 2:  # noqa: PLR2004 - two evaluations can be compared
        return []
    if not _improved(run.epochs[-2], run.epochs[-1]):
        return []
    observed = (
        f"{own or 'something'} stopped training after {done} of {planned} optimizer steps, at an evaluation where the "
        f"loss fell from {run.epochs[-2]['loss']:.4g} to {run.epochs[-1]['loss']:.4g}"
    )
    expected = f"{planned} optimizer steps, or a stop where the evaluation is no longer better"
    early = len(run.epochs) == 2 and done <= limits["early"] * planned  # noqa: PLR2004 - as above
    if early and not _good(evidence, limits["good"]):
        return [finding(expected, observed)]
    return [warning(expected, observed, share=1 - done / planned)]


def _improved(before: Mapping[str, float], after: Mapping[str, float]) -> bool:
    """Whether the loss fell, by more than a hundredth, and no share of right predictions did."""
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
