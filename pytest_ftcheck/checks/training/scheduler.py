"""Checks whether a learning rate scheduler has the run's optimizer, and the right direction of its metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.optim.lr_scheduler import ReduceLROnPlateau
from transformers import SchedulerType

from pytest_ftcheck.checks.catalogue import finding
from pytest_ftcheck.checks.training.declared import arguments
from pytest_ftcheck.tasks.metric_names import direction_of

if TYPE_CHECKING:
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding


def misdirected(evidence: Evidence) -> list[Finding]:
    """Find a scheduler of an optimizer that takes no step, and a scheduler with the wrong direction of a metric."""
    own = evidence.pipeline.source.own
    return _of_other_optimizer(own.lr_scheduler, own.optimizer) + _on_plateau(evidence, own.lr_scheduler)


def _of_other_optimizer(scheduler: Any, stepped: Any) -> list[Finding]:
    """Compare the optimizer of a user's scheduler with the one that the Trainer steps."""
    scheduled = getattr(scheduler, "optimizer", None)
    stepped = getattr(stepped, "optimizer", stepped)
    if scheduled is None or stepped is None or getattr(scheduled, "optimizer", scheduled) is stepped:
        return []
    observed = f"{type(scheduler).__name__} has another optimizer, whose learning rate is not used"
    hint = "make the scheduler from the optimizer that you pass to the Trainer, after the last line that makes one."
    return [finding("a scheduler of the optimizer that steps", observed, hint=hint)]


def _on_plateau(evidence: Evidence, scheduler: Any) -> list[Finding]:
    """Compare the direction of a plateau schedule with that of its metric."""
    declared = arguments(evidence)
    if isinstance(scheduler, ReduceLROnPlateau):
        mode = scheduler.mode
    elif declared.lr_scheduler_type == SchedulerType.REDUCE_ON_PLATEAU:
        given: Any = declared.lr_scheduler_kwargs or {}
        mode = given.get("mode", "min")
    else:
        return []
    name = str(declared.metric_for_best_model or "loss").removeprefix("eval_")
    better = direction_of(name)
    if better is None:
        better = bool(declared.greater_is_better)
    if mode == ("max" if better else "min"):
        return []
    expected = f"a plateau schedule with mode = {'max' if better else 'min'!r}: of {name}, {_words(better)} is better"
    observed = f"mode = {mode!r}: an improvement counts as no progress, and the learning rate is reduced"
    hint = "set mode in lr_scheduler_kwargs, or let metric_for_best_model be a loss."
    return [finding(expected, observed, hint=hint)]


def _words(better: bool) -> str:  # noqa: FBT001 - the direction
    return "greater" if better else "smaller"
