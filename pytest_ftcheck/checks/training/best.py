"""Checks whether the kept weights are the best ones, by the declared metric and direction."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from transformers import EarlyStoppingCallback

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding
from pytest_ftcheck.checks.training.declared import arguments
from pytest_ftcheck.tasks.metric_names import direction_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import TrainingArguments

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding


@check(
    "training.best_checkpoint",
    cost="run",
    # Tolerance of metrics of the same weights, relative above 1; on a GPU ten times as much.
    thresholds={"difference": 1e-4},
    catches="a wrong greater_is_better, another metric that decides, best weights that are not loaded",
    hint="look at metric_for_best_model, greater_is_better and load_best_model_at_end, and at code that loads or "
    "changes weights after training.",
)
def best_checkpoint(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The kept weights are the best by the declared metric, in its natural direction.

    Assumes: a metric's name shows its direction.

    Unusual but healthy: equally good evaluations, a best evaluation between two checkpoints, and metrics whose names
    show no direction pass. A metric whose name is misread fails: silence the check.

    False alarms: none by chance.
    """
    evidence.require_training()
    declared = arguments(evidence)
    if not declared.load_best_model_at_end and not _stops_early(evidence):
        msg = "the recipe keeps the last weights (load_best_model_at_end = False)"
        raise NotApplicable(msg)
    name = _metric(evidence, declared)
    found = _direction(name, greater=bool(declared.greater_is_better))
    if not declared.load_best_model_at_end:
        return found
    run = evidence.trained_run
    values = [epoch.get(name, math.nan) for epoch in run.epochs]
    if all(math.isnan(value) for value in values):
        if found:
            return found
        msg = f"no evaluation during training reported {name}"
        raise NotApplicable(msg)
    sign = 1 if declared.greater_is_better else -1
    best = max(sign * value for value in values if not math.isnan(value))
    # Several may be equally good: the engine decides which of them is kept.
    ties = [number for number, value in enumerate(values, 1) if sign * value == best]
    if step := _unsaved(evidence, declared, run.epochs[ties[0] - 1].get("step")):
        msg = f"the best evaluation, at step {step:g}, has no checkpoint that could be loaded: save at every evaluation"
        raise NotApplicable(msg)
    if run.best_epoch is not None and run.best_epoch not in ties:
        observed = f"number {run.best_epoch} ({name} = {values[run.best_epoch - 1]:.4f})"
        found.append(finding(f"the weights of evaluation {ties[0]} ({name} = {sign * best:.4f})", observed))
        return found
    tolerance = thresholds["difference"] * (1 if evidence.environment["device"] == "cpu" else 10)
    kept = run.best_epoch or ties[0]
    if differing := _differing(run.epochs[kept - 1], run.metrics, tolerance):
        value = run.epochs[kept - 1][differing]
        expected = f"the weights of evaluation {kept}, the best by {name}: {differing} = {value:.4f}"
        same = [number for number, epoch in enumerate(run.epochs, 1) if not _differing(epoch, run.metrics, tolerance)]
        which = f", as in evaluation {same[0]} of {len(run.epochs)}" if same else ""
        found.append(finding(expected, f"{differing} = {run.metrics[differing]:.4f} at the end{which}"))
    return found


def _unsaved(evidence: Evidence, declared: TrainingArguments, step: float | None) -> float | None:
    """Return the step of an evaluation between two checkpoints: ``save_steps`` may be a multiple of ``eval_steps``."""
    if evidence.engine != "trainer" or declared.save_strategy != "steps" or not step:
        return None
    total = evidence.trained_run.trace.steps
    every = math.ceil(declared.save_steps * total) if declared.save_steps < 1 else int(declared.save_steps)
    return step if step % every and step != total else None


def _metric(evidence: Evidence, declared: TrainingArguments) -> str:
    """Name the metric that decides as ``compute_metrics`` does: without ``eval_`` and the name of an evaluation set."""
    own = evidence.pipeline.source.evaluation.best_metric
    return own or str(declared.metric_for_best_model or "loss").removeprefix("eval_")


def _stops_early(evidence: Evidence) -> bool:
    callbacks = evidence.pipeline.source.own.callbacks
    return any(isinstance(callback, EarlyStoppingCallback) for callback in callbacks)


def _direction(name: str, *, greater: bool) -> list[Finding]:
    """Compare the declared direction with the direction that the metric's name shows, if any."""
    if direction_of(name) in (greater, None):
        return []
    words = ("smaller is better", "greater is better")
    expected = f"{name}: {words[not greater]} (greater_is_better = {not greater})"
    hint = "set greater_is_better: now the worst weights are kept, and early stopping waits for a worse metric."
    return [finding(expected, f"greater_is_better = {greater}", hint=hint)]


def _differing(epoch: Mapping[str, float], metrics: Mapping[str, float], tolerance: float) -> str:
    """Name a metric that differs; an empty text if all are equal."""
    for name in epoch.keys() & metrics.keys() - {"epoch", "step"}:
        before, after = epoch[name], metrics[name]
        if not (abs(before - after) <= tolerance * max(1.0, abs(before)) or (math.isnan(before) and math.isnan(after))):
            return name
    return ""


@check(
    "training.kept_weights",
    cost="run",
    catches="the best weights kept as a state_dict() without a copy: later steps change them, the last are restored",
    hint="copy the weights: {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}, or "
    "copy.deepcopy(model.state_dict()).",
)
def kept_weights(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Weights that a callback or the Trainer keeps during training are a copy.

    Assumes: a state dict that is kept over an optimizer step is meant to stay unchanged.

    Unusual but healthy: parameters that are kept as parameters (``named_parameters()``) pass.
    The manual engine has no callbacks, and keeps copies.

    False alarms: none by chance. Memory is compared.
    """
    del thresholds
    evidence.require_training()
    kept = evidence.trained_run.trace.kept_by_reference
    if not kept:
        return []
    observed = f"{', '.join(kept)} holds the tensors of state_dict() by reference: they share the memory of the weights"
    return [finding("a copy of the weights, where they are kept during training", observed)]
