"""Checks of parameters, gradients and the optimizer, as the run's hooks recorded them."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from transformers import Trainer

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding
from pytest_ftcheck.checks.model.weights import some_names
from pytest_ftcheck.checks.training.declared import require_steps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.runs.trace import ParameterTrace

_SMALL = 1e-5
"""Fraction of the largest gradient below which a gradient is rounding error, as that of a bias of attention keys."""


def _share(some: Iterable[ParameterTrace], parameters: Iterable[ParameterTrace]) -> float:
    return sum(p.size for p in some) / max(sum(p.size for p in parameters), 1)


def _names(parameters: Iterable[ParameterTrace]) -> str:
    return some_names([parameter.name for parameter in parameters])


@check(
    "training.parameters_move",
    cost="run",
    # Fraction of the trained values whose tensor may stay unchanged: in half precision, small steps round to 0.
    tolerance={"float32": 0.0, "bfloat16": 0.5, "float16": 0.5},
    catches="a learning rate of 0, parameters that the optimizer does not have, updates lost in half precision, frozen "
    "weights that change",
    hint="look at the learning rate of each group, at which parameters the optimizer got, and at the weights' dtype; "
    "freeze with requires_grad_(False), not with a learning rate of 0.",
)
def parameters_move(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Every parameter that is trained and has a gradient changes; frozen ones do not change.

    Assumes: a trained parameter with a gradient changes.

    Unusual but healthy: gradients of rounding errors do not count. Half precision that was requested by
    ``--ftcheck-dtype`` may lose the steps of half of the values by rounding; if half precision comes from the
    checkpoint, lost updates fail.

    False alarms: none by chance.
    """
    parameters = evidence.trained_run.trace.parameters
    require_steps(evidence)
    trained = [parameter for parameter in parameters if parameter.trainable]
    largest = max((parameter.gradient for parameter in trained), default=0.0)
    still = [p for p in trained if p.gradient > _SMALL * largest and not p.moved > 0]
    found = []
    # The check targets weights in half precision that were not requested.
    tolerance = 0.0 if evidence.environment["dtype"] == "float32" else thresholds["tolerance"]
    if still and _share(still, trained) > tolerance:
        observed = f"{len(still)} of {len(trained)} have a gradient and did not move at all: {_names(still)}"
        found.append(finding("every trained parameter moves", observed))
    if stuck := _stuck_at_zero(trained):
        hint = "start one of two matrices that are multiplied at random numbers: between zeros, neither has a gradient."
        observed = f"{len(stuck)} start at zero, have a gradient of zero at each step, and stay: {_names(stuck)}"
        found.append(finding("every trained matrix moves", observed, hint=hint))
    if moved := [parameter for parameter in parameters if not parameter.trainable and parameter.moved > 0]:
        hint = "something writes into them: an update by hand, an average of weights, a loaded state."
        observed = f"{len(moved)} frozen ones changed: {_names(moved)}"
        found.append(finding("parameters with requires_grad=False stay as they are", observed, hint=hint))
    return found


def _stuck_at_zero(trained: list[ParameterTrace]) -> list[ParameterTrace]:
    """Return matrices that stay zero, if two of them are in one module: both halves of an adapter."""
    still = [p for p in trained if not (p.normalisation_or_bias or p.scale or p.moved or p.gradient)]
    modules = Counter(_module_above(parameter.name) for parameter in still)
    return [parameter for parameter in still if modules[_module_above(parameter.name)] > 1]


def _module_above(name: str) -> str:
    """Name the module above a matrix's own: ``query`` of ``query.lora_A.default.weight`` and ``query.up.weight``."""
    return name.removesuffix(".weight").removesuffix(".default").rpartition(".")[0]


@check(
    "training.optimizer_groups",
    cost="run",
    catches="an optimizer that was made before the head, from a part of the model, or from an incomplete list of names",
    hint="give the optimizer every parameter that requires a gradient, each once; freeze the others with "
    "requires_grad_(False) if they are not meant to be trained.",
)
def optimizer_groups(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Every trained parameter is in exactly one group of the optimizer.

    Assumes: a parameter that requires a gradient is meant to be trained.

    Unusual but healthy: parameters without a gradient, such as an unused pooler, pass; parameters that are left out on
    purpose fail: freeze them.

    False alarms: none by chance.
    """
    del thresholds
    require_steps(evidence)
    trained = [parameter for parameter in evidence.trained_run.trace.parameters if parameter.trainable]
    found = []
    # A parameter without a gradient, such as an unused pooler, need not be in the optimizer.
    if lacking := [parameter for parameter in trained if not parameter.groups and parameter.gradient > 0]:
        share = f"{_share(lacking, trained):.0%} of the values"
        observed = f"{len(lacking)} of {len(trained)} are in none ({share}): {_names(lacking)}"
        found.append(finding("every trained parameter in a group of the optimizer", observed))
    if several := [parameter for parameter in trained if len(parameter.groups) > 1]:
        observed = f"{len(several)} are in several: {_names(several)}"
        found.append(finding("every trained parameter in only one group", observed))
    return found


@check(
    "training.weight_decay",
    cost="run",
    thresholds={"uniform": 0.01},
    catches="a list of names without decay that fits another model (LayerNorm.weight in a model with layer_norm)",
    hint="put biases and normalisation weights into a group with weight_decay=0: compare the names in the list with "
    "those of model.named_parameters().",
)
def weight_decay(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Weight decay is not applied to biases and normalisation weights.

    An optimizer of the user's own that decays all parameters equally by at most ``uniform``, AdamW's default, passes:
    it was not chosen, and does no harm.

    Assumes: biases and normalisation weights are not meant to decay.

    Unusual but healthy: AdamW's default for all parameters, and the decay of the Trainer itself, pass.

    False alarms: none by chance.
    """
    require_steps(evidence)
    parameters = evidence.trained_run.trace.parameters
    held = [parameter for parameter in parameters if parameter.trainable and parameter.groups]
    decayed = [parameter for parameter in held if parameter.weight_decay > 0]
    if not decayed:
        msg = "the optimizer has no weight decay"
        raise NotApplicable(msg)
    wrong = [parameter for parameter in decayed if parameter.normalisation_or_bias]
    rates = {parameter.weight_decay for parameter in held}
    if evidence.pipeline.source.own.makes_optimizer:
        wrong = [] if len(rates) == 1 and max(rates) <= thresholds["uniform"] else wrong
    else:  # accept what the Trainer itself treats as a normalisation
        usual = set(Trainer.get_decay_parameter_names(None, evidence.fresh_model))  # type: ignore[arg-type]  # uses no self
        wrong = [parameter for parameter in wrong if parameter.name not in usual]
    if not wrong:
        return []
    worst = max(parameter.weight_decay for parameter in wrong)
    observed = f"{len(wrong)} biases and normalisation weights are decayed by up to {worst:g}: {_names(wrong)}"
    return [finding("no weight decay on biases and normalisation weights", observed)]


@check(
    "training.gradients_reach",
    cost="run",
    # Smallest norm of all gradients; fraction of the trained values that may have no gradient.
    thresholds={"norm": 1e-6, "without": 0.5},
    catches="gradients clipped to 0, a loss that is detached or without backward(), half of a model cut off",
    hint="look at max_grad_norm, at detach(), item() and torch.no_grad() in the loss, and at whether training_step "
    "calls backward().",
)
def gradients_reach(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The gradients that reach the optimizer are finite and not zero.

    Assumes: most trained values get a gradient in some step.

    Unusual but healthy: single steps of 0, as with a margin loss, and up to half of the values without a gradient pass.

    False alarms: none by chance.
    """
    run = evidence.trained_run
    require_steps(evidence)
    norms = run.trace.gradient_norms
    for step, norm in enumerate(norms, 1):
        if not math.isfinite(norm):
            observed = f"a norm of {norm} at optimizer step {step} of {len(norms)}"
            hint = (
                "one such step destroys the weights: look for overflow, a division by 0, sqrt and log at 0 in the loss."
            )
            return [finding("finite gradients at every optimizer step", observed, hint=hint)]
    if max(norms) <= thresholds["norm"]:
        observed = f"at most {max(norms):.3g} in {len(norms)} optimizer steps"
        return [finding(f"a norm of all gradients above {thresholds['norm']:g}", observed)]
    zero = norms.count(0.0)
    if zero > len(norms) / 2:
        return [finding("gradients at every optimizer step", f"all are 0 at {zero} of {len(norms)} steps")]
    trained = [parameter for parameter in run.trace.parameters if parameter.trainable]
    without = [parameter for parameter in trained if not parameter.gradient > 0]
    if _share(without, trained) <= thresholds["without"]:
        return []
    observed = f"{_share(without, trained):.0%} of the trained values never had one: {_names(without)}"
    return [finding("gradients for the trained parameters", observed)]


@check(
    "training.gradients_cleared",
    cost="run",
    catches="zero_grad() that is missing, called too late, or called on another optimizer",
    hint="call optimizer.zero_grad() after each optimizer.step(): else every step adds the gradients of earlier steps.",
)
def gradients_cleared(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Every optimizer step starts from gradients of zero.

    Assumes: gradients are cleared after each optimizer step.

    Unusual but healthy: gradient accumulation passes. An optimizer that keeps gradients on purpose fails.

    False alarms: none by chance.
    """
    del thresholds
    stale = evidence.trained_run.trace.stale_gradients
    if not stale:
        return []
    observed = f"those of the step before at optimizer step {stale[0]}, and at {len(stale)} of the first steps in all"
    return [finding("no gradients left when an optimizer step begins", observed)]
