"""Checks of the settings of an optimizer: its betas, its epsilon, and how it decays weights."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from pytest_ftcheck.checks.catalogue import check, finding, warning
from pytest_ftcheck.checks.training.declared import require_steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.runs.trace import Trace

_TYPICAL = 1 / math.sqrt(3)
"""Root mean square of a uniform distribution, relative to its largest value."""


@check(
    "training.optimizer_settings",
    cost="run",
    # Allowed ratio of epsilon to the gradients; allowed ratio of coupled weight decay to the gradients.
    thresholds={"epsilon": 30.0, "decay": 1.0},
    catches="betas in the wrong order, an epsilon far above the gradients, Adam's weight decay instead of AdamW's",
    hint="use betas=(0.9, 0.999) and an epsilon of about 1e-8 for Adam; use torch.optim.AdamW for weight decay.",
)
def optimizer_settings(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Adam's first beta is below its second, its epsilon is below the gradients, and its decay is decoupled.

    The gradient of a single value is estimated by the median norm of an optimizer step over the root of the number of
    trained values. ``torch.optim.Adam`` adds weight decay to the gradient, which is divided by the gradient's size
    (Loshchilov and Hutter, 2019, arXiv:1711.05101): the check fails if the decay of a typical matrix is above ``decay``
    times its gradient, and warns otherwise.

    Assumes: a step of Adam is meant to be about as large as the learning rate.

    Unusual but healthy: equal betas, and optimizers other than Adam and its variants, are not judged.

    False alarms: none by chance. Settings are compared with the gradients of the run.
    """
    require_steps(evidence)
    trace = evidence.trained_run.trace
    found = []
    for name, settings in trace.optimizers.items():
        betas = settings.get("betas", ())
        if len(betas) == 2 and betas[0] > betas[1]:  # of the mean, and of the squares
            expected = "betas of which the first, of the gradients' mean, is below the second, of their squares"
            found.append(finding(expected, f"betas = ({betas[0]:g}, {betas[1]:g}) of {name}: exchanged"))
        found += _epsilon(name, settings, trace, thresholds["epsilon"])
        found += _decay(name, settings, trace, thresholds["decay"])
    return found


def _epsilon(name: str, settings: Mapping[str, tuple[float, ...]], trace: Trace, times: float) -> list[Finding]:
    epsilon, typical = settings.get("eps", ()), _gradient(trace)
    if len(epsilon) != 1 or "betas" not in settings or not typical or epsilon[0] <= times * typical:
        return []
    observed = (
        f"eps = {epsilon[0]:g} of {name}, {epsilon[0] / typical:.0f} times the gradient of a value ({typical:.2g})"
    )
    return [finding("an epsilon below the gradients: it divides each step", f"{observed}: steps are too small by it")]


def _decay(name: str, settings: Mapping[str, tuple[float, ...]], trace: Trace, most: float) -> list[Finding]:
    decayed = [p for p in trace.parameters if p.trainable and p.weight_decay > 0 and p.gradient > 0 and p.scale > 0]
    if name != "torch.optim.Adam" or settings.get("decoupled_weight_decay") == (1.0,) or not decayed:
        return []
    beside = median(p.weight_decay * p.scale * _TYPICAL / (p.gradient / math.sqrt(p.size)) for p in decayed)
    decay = max(p.weight_decay for p in decayed)
    expected = "weight decay that is decoupled from the gradient (torch.optim.AdamW)"
    observed = (
        f"weight_decay = {decay:g} of torch.optim.Adam is added to the gradient (L2): in a typical matrix it is "
        f"{beside:.2g} times the gradient"
    )
    if beside > most:
        return [finding(expected, observed)]
    return [warning(f"{expected}; above {most:g} times the gradient it fails", observed, share=min(1.0, beside))]


def _gradient(trace: Trace) -> float:
    """Return the root mean square of a single value's gradient in the step of median norm; 0 if there is none."""
    values = sum(parameter.size for parameter in trace.parameters if parameter.trainable and parameter.gradient > 0)
    norms = [norm for norm in trace.gradient_norms if math.isfinite(norm)]
    return median(norms) / math.sqrt(values) if values and norms else 0.0
