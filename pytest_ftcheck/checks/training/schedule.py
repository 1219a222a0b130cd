"""Checks of the learning rate: it follows the declared schedule, and its values are suitable for training.

Shapes: S optimizer steps, G parameter groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.optim import SGD
from transformers import SchedulerType, get_scheduler

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding
from pytest_ftcheck.checks.training.declared import (
    arguments,
    require_steps,
    trains_on_all_rows,
)
from pytest_ftcheck.checks.training.scheduler import misdirected

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.runs.trace import ParameterTrace, Trace

_FEW_STEPS = 4
_FAR_BELOW = 100
"""Factor below the rate of the arguments: groups with rates of their own differ by less."""
_OF_ADAM = 2e-4
"""Rates below this are rates of Adam, whose steps have the size of the rate; steps of SGD scale with the gradients."""
"""Number of steps up to which warm-up and rounding may take most of the run."""


@check(
    "training.schedule",
    cost="run",
    thresholds={"end": 0.25},  # fraction of the run by which a schedule of the user's own may miss its end
    catches="a scheduler that is stepped twice, never or once an epoch, another warm-up, a schedule made for another "
    "number of steps",
    hint="the Trainer steps its scheduler itself, after each optimizer step: do not step it in callbacks and losses, "
    "and count optimizer steps, not batches, in a schedule of your own.",
)
def schedule(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The learning rate follows the declared schedule, step by step, to its end.

    Assumes: the scheduler steps once after each optimizer step.

    Unusual but healthy: schedules that follow a metric are skipped; for a user's own schedule, only its length is
    checked.

    False alarms: none by chance.
    """
    trace = evidence.trained_run.trace
    require_steps(evidence)
    declared, own = arguments(evidence), evidence.pipeline.source.own
    if wrong := misdirected(evidence):
        return wrong
    if declared.lr_scheduler_type in (SchedulerType.REDUCE_ON_PLATEAU, "greedy") and not own.makes_schedule:
        msg = f"lr_scheduler_type {str(declared.lr_scheduler_type)!r} follows the metric, not the steps"
        raise NotApplicable(msg)
    found = _stepped(trace)
    if not own.makes_schedule:
        return found + _as_declared(evidence, trace)
    return found + (_made_for_this_run(trace, thresholds["end"]) if trains_on_all_rows(evidence) else [])


def _stepped(trace: Trace) -> list[Finding]:
    if trace.scheduler_steps == trace.steps:
        return []
    hint = "" if trace.scheduler_steps else "no scheduler took a step: use a scheduler of torch with this optimizer."
    expected = f"one step of the scheduler after each of {trace.steps} optimizer steps"
    return [finding(expected, f"{trace.scheduler_steps} steps of it", hint=hint)]


def _as_declared(evidence: Evidence, trace: Trace) -> list[Finding]:
    """Compute the schedule from the arguments, and compare it with the rates of the optimizer."""
    declared, own = arguments(evidence), evidence.pipeline.source.own
    found = []
    if not own.makes_optimizer and any(rate != declared.learning_rate for rate in trace.base_learning_rates):
        observed = f"it starts from {_rates(trace.base_learning_rates)}"
        found.append(finding(f"a schedule of the learning rate {declared.learning_rate:g}", observed))
    expected, seen = _schedule(declared, trace), np.asarray(trace.learning_rates)
    # Early stopping may end the run before the end of the schedule.
    expected = expected[: len(seen)]
    apart = np.flatnonzero((~np.isclose(expected, seen, rtol=1e-5, atol=0)).any(axis=1))
    if apart.size:
        step = int(apart[0])
        kind = str(getattr(declared.lr_scheduler_type, "value", declared.lr_scheduler_type))
        warmup = declared.get_warmup_steps(trace.planned_steps)
        name = f"{kind}, {warmup} steps of warm-up, {trace.planned_steps} in all"
        expectation = f"a learning rate of {_rates(expected[step])} at optimizer step {step + 1} ({name})"
        found.append(finding(expectation, f"{_rates(seen[step])}, and another one at {apart.size} steps in all"))
    return found


def _schedule(declared: Any, trace: Trace) -> NDArray[np.float64]:
    """Return the learning rates ``[S, G]`` of the declared schedule."""
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in trace.base_learning_rates]
    # The polynomial schedule reads its initial rate from the defaults of the optimizer.
    optimizer = torch.optim.SGD(groups, lr=declared.learning_rate)
    scheduler = get_scheduler(
        declared.lr_scheduler_type,
        optimizer,
        num_warmup_steps=declared.get_warmup_steps(trace.planned_steps),
        num_training_steps=trace.planned_steps,
        scheduler_specific_kwargs=declared.lr_scheduler_kwargs,
    )
    rates = []
    for _ in range(trace.steps):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return np.asarray(rates)


def _made_for_this_run(trace: Trace, most: float) -> list[Finding]:
    """Compare the number of steps of a user's schedule with that of the run."""
    length, planned = trace.schedule_length, trace.planned_steps
    if length is None or planned <= _FEW_STEPS or abs(length - planned) <= most * planned:
        return []
    hint = "num_training_steps is the number of optimizer steps: batches / gradient_accumulation_steps * epochs."
    return [finding(f"a schedule made for the {planned} optimizer steps of the run", f"one for {length}", hint=hint)]


def _rates(rates: Any) -> str:
    return " and ".join(f"{rate:.4g}" for rate in dict.fromkeys(float(rate) for rate in rates))


@check(
    "training.learning_rate",
    cost="run",
    # Fraction of the steps with a rate of 0; fraction of the rate that warm-up must reach; allowed change of the
    # weights relative to their size.
    thresholds={"still": 0.2, "peak": 0.5, "times": 100.0},
    catches="a learning rate of 0 or below, a warm-up longer than the run, a schedule that ends long before the run, a "
    "rate that destroys the weights",
    hint="look at learning_rate, warmup_steps, the steps that the schedule was made for, and each group's own rate.",
)
def learning_rate(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The learning rate is positive for most of the run, reaches its peak, and does not destroy the weights.

    Assumes: the rate reaches its peak within the run.

    Unusual but healthy: up to ``still`` of the steps may have a rate of 0; an optimizer that chooses its own rates, and
    a shortened run, are skipped.

    False alarms: none by chance.
    """
    trace = evidence.trained_run.trace
    require_steps(evidence)
    rates = np.asarray(trace.learning_rates)
    if np.isnan(rates).all():
        msg = "the optimizer chooses its own learning rates"
        raise NotApplicable(msg)
    steps, highest = len(rates), np.nanmax(rates, axis=1)
    if np.nanmin(rates) < 0:
        return [finding("learning rates of at least 0", f"as low as {np.nanmin(rates):g}")]
    if not highest.any():
        return [] if steps <= 1 else [finding("a learning rate above 0", f"0 at all of {steps} optimizer steps")]
    found = []
    still = int((highest[1:] == 0).sum())  # a warm-up starts from 0
    if still > thresholds["still"] * steps and steps > _FEW_STEPS:
        where = f"the last one above 0 is step {int(np.flatnonzero(highest)[-1]) + 1}"
        observed = f"it is 0 at {still} of {steps} optimizer steps: {where}"
        found.append(finding(f"a learning rate above 0 at {1 - thresholds['still']:.0%} of the steps", observed))
    base = max(trace.base_learning_rates, default=0.0)
    if steps > _FEW_STEPS and trains_on_all_rows(evidence) and highest.max() < thresholds["peak"] * base:
        observed = f"at most {highest.max():.4g} in {steps} optimizer steps"
        hint = "the warm-up is as long as the run, or longer: reduce warmup_steps."
        found.append(finding(f"warm-up reaches the learning rate of {base:.4g}", observed, hint=hint))
    found += _as_configured(evidence, base)
    return found + _weights_keep_their_size(trace.parameters, thresholds["times"])


def _as_configured(evidence: Evidence, base: float) -> list[Finding]:
    """Compare the rates of an optimizer of the user's own with the rate of the arguments, if they set one."""
    configured = evidence.pipeline.args.get("learning_rate")
    own = evidence.pipeline.source.own
    if not own.makes_optimizer:
        return []
    if isinstance(getattr(own.optimizer, "optimizer", own.optimizer), SGD) and base < _OF_ADAM:
        hint = "SGD needs a rate that is a hundred or a thousand times as large as that of AdamW: use about 1e-2."
        return [finding(f"a learning rate of SGD, {_OF_ADAM:g} at least", f"{base:g}: too small for SGD", hint=hint)]
    if not configured or not 0 < base < configured / _FAR_BELOW:
        return []
    hint = "loading a state into an optimizer also loads its learning rates: set them again in every group."
    return [
        finding(
            f"a learning rate of {configured:g}, as TrainingArguments has it", f"{base:g} in the optimizer", hint=hint
        )
    ]


def _weights_keep_their_size(parameters: tuple[ParameterTrace, ...], times: float) -> list[Finding]:
    """Report weights that changed so much that the pretrained values are lost."""
    weights = [p for p in parameters if p.trainable and p.scale > 0 and not p.normalisation_or_bias]
    # Written so that NaN counts as a change that is too large.
    far = [p for p in weights if not p.moved <= times * p.scale]
    if 2 * len(far) <= len(weights):
        return []
    worst = max(far, key=lambda p: p.moved / p.scale)
    expected = f"weights that move by less than {times:g} times their own size"
    which = f"{worst.name} by {worst.moved:.3g}, from at most {worst.scale:.3g}"
    observed = f"{len(far)} of {len(weights)} moved further: {which}"
    return [finding(expected, observed, hint="lower the learning rate: it is far too high for these weights.")]
