"""Whether two forward passes in evaluation mode give the same logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.checks.catalogue import ReportedBy, Thresholds, check, finding
from pytest_ftcheck.checks.model.logits import (
    affordable,
    allowed,
    evaluated_features,
    logits_of,
    show,
    token_batch,
    tolerance_of,
)

if TYPE_CHECKING:
    from torch import Tensor

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_NOISE = {"float32": 1e-5, "bfloat16": 1e-2, "float16": 1e-2}


@check(
    "model.eval_deterministic",
    cost="forward",
    tolerance=_NOISE,
    catches="dropout that is active in evaluation, noise in the forward pass, weights that a forward pass changes",
    hint="look for functional dropout without training=self.training, a train() or eval() that is overridden, and "
    "random numbers in forward().",
)
def eval_deterministic(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Two forward passes in evaluation mode give the same logits.

    Assumes: evaluation draws no random numbers.

    Unusual but healthy: Monte Carlo dropout on purpose fails: silence the check. Kernels that sum in another order stay
    within the tolerance.

    False alarms: none by chance.
    """
    first, second = evidence.once(_two_passes)
    off = float((first - second).abs().max())
    if off <= allowed(tolerance_of(evidence.fresh_model, thresholds), first):
        return []
    row = int((first - second).abs().flatten(1).amax(dim=1).argmax())
    return [finding(f"row {row}: {show(first[row])} twice", f"{show(second[row])} the second time")]


def _two_passes(evidence: Evidence) -> tuple[Tensor, Tensor]:
    batch = token_batch(evidence, evaluated_features(evidence, affordable(evidence, 8, 4)))
    return logits_of(evidence.fresh_model, batch), logits_of(evidence.fresh_model, batch)


def require_repeatable(evidence: Evidence) -> None:
    """Stop a check of differences if the logits differ between two equal passes: another check reports it.

    Raises:
        ReportedBy: two equal passes differ.

    """
    first, second = evidence.once(_two_passes)
    thresholds = {"tolerance": _NOISE["float32" if evidence.precision == "float32" else "bfloat16"]}
    if not float((first - second).abs().max()) <= allowed(tolerance_of(evidence.fresh_model, thresholds), first):
        raise ReportedBy(check="model.eval_deterministic", reason="two forward passes of one batch differ")
