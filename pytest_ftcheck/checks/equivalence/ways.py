"""Makes and compares short fine-tunes by two ways: every step has the same weights and other rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.catalogue import NotApplicable, ReportedBy, finding
from pytest_ftcheck.checks.equivalence.residuals import Residuals, residuals, steps_needed
from pytest_ftcheck.checks.training.accumulation import rows_by_step
from pytest_ftcheck.checks.training.declared import changes_rows, probed
from pytest_ftcheck.checks.training.repeated import differs_from_run_to_run
from pytest_ftcheck.training.variants import Rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.training.probe import Probe

TOLERANCE: Mapping[str, float] = {"float32": 1e-4, "bfloat16": 2e-2, "float16": 5e-3}
"""Tolerance of the largest residual, unless the session's own noise is larger."""
LIMITS: Mapping[str, float] = {"margin": 2e-5, "drift": 1e-3, "half": 3.0}
"""Limits of the mean residual, relative: allowed drift, drift that must be detectable, factor in half precision."""
FALSE_ALARMS = 1.25e-3
"""False-alarm rate of each of the eight checks in a session: together they have the budget of a session, 1%."""
BATCH = 8
REPETITIONS = 3
_STEPS = (16, 32, 64, 128)


@dataclass(frozen=True)
class Reference:
    """The first way of most checks: batches of 8 rows, and its repetitions with other rounding."""

    steps: int
    rows: tuple[int, ...]
    """Indices of the training rows."""
    probe: Probe
    null: tuple[Probe, ...]


def reference(evidence: Evidence) -> Reference:
    """Train the first way, with the number of steps that the session's noise requires.

    Raises:
        NotApplicable: nothing is trained, or there are too few rows, or they are changed at random.
        ReportedBy: two equal runs differ.

    """
    evidence.require_training()
    return evidence.once(_reference)


def _reference(evidence: Evidence) -> Reference:
    available = len(evidence.pipeline.train_dataset)
    if available < BATCH:
        msg = f"{available} training rows are too few"
        raise NotApplicable(msg)
    made = _made(evidence, _STEPS[0])
    noise = max(found.noise for found in compared(made.probe, made.probe, made.null))
    steps = steps_needed(noise, LIMITS["drift"], _STEPS)
    return made if steps == made.steps else _made(evidence, steps)


def _made(evidence: Evidence, steps: int) -> Reference:
    # Use whole batches: a loss of the user's own may be divided differently in the rest of an epoch.
    rows = tuple(range(min(len(evidence.pipeline.train_dataset) // BATCH, steps) * BATCH))
    first = same_weights(evidence, rows, steps)
    null = tuple(same_weights(evidence, rows, steps, variant=Rounded(seed)) for seed in range(1, REPETITIONS + 1))
    for other in (first, *null):
        losses, gradients = len(other.losses), len(other.trace.gradient_norms)
        if (losses, gradients) != (
            steps,
            steps,
        ):  # a custom optimizer, a step that float16 skipped, early stopping
            msg = f"{steps} optimizer steps of the engine give {losses} losses and {gradients} gradients"
            raise NotApplicable(msg)
        require_same_rows(evidence, first, other)
    return Reference(steps, rows, first, null)


def same_weights(
    evidence: Evidence, rows: tuple[int, ...], steps: int, *, make: Callable[..., Probe] | None = None, **changes: Any
) -> Probe:
    """Take steps that do not change the weights, without dropout and clipping, so that differences do not grow.

    Args:
        evidence: the evidence of the check.
        rows: indices of the training rows.
        steps: number of optimizer steps.
        make: function that makes the probe and raises its failure; None: failures are reported as in `probed`.
        changes: changes of the probe.

    """
    usual = {"per_device_train_batch_size": BATCH, "gradient_accumulation_steps": 1, "max_grad_norm": 0.0}
    changes = {"steps": steps, "train_rows": rows, "dropout": False, "learning_rate_factor": 0.0, **usual, **changes}
    return make(**changes) if make is not None else probed(evidence, **changes)


def other_way(evidence: Evidence, first: Reference, **changes: Any) -> Probe:
    """Train the rows of the reference by another way, a variant or other hyperparameters."""
    return same_weights(evidence, first.rows, first.steps, **changes)


def require_same_rows(evidence: Evidence, first: Probe, second: Probe, micro_steps: int = 1) -> None:
    """Stop a check if two ways do not see the same rows at each step, and neither way is the cause.

    Raises:
        NotApplicable: rows are changed at random, or the sampler depends on the batches.
        ReportedBy: two equal runs differ.

    """
    if rows_by_step(first, 1) == rows_by_step(second, micro_steps):
        return
    if changes_rows(evidence, first):
        msg = "rows are changed at random before they reach the model"
        raise NotApplicable(msg)
    if differs_from_run_to_run(evidence):
        raise ReportedBy(check="training.seeds", reason="two equal runs see other rows as well")
    if micro_steps > 1:
        msg = "batches of another size contain other rows: its sampler depends on the batch size"
        raise NotApplicable(msg)


def compared(
    first: Probe, second: Probe, null: Sequence[Probe], *, base: Probe | None = None, skip: int = 0
) -> list[Residuals]:
    """Compare losses and lengths of gradients of two ways, step by step.

    Args:
        first: the first way.
        second: the second way, with as many steps.
        null: repetitions of ``base`` that round differently.
        base: None if it is the first way.
        skip: steps of the first way before the second one begins.

    """
    series = {"loss": _losses, "length of the gradient": _norms}
    return [
        residuals(
            name,
            of(first)[skip:],
            of(second),
            [of(probe)[skip:] for probe in null],
            base=None if base is None else of(base)[skip:],
        )
        for name, of in series.items()
    ]


def _losses(probe: Probe) -> tuple[float, ...]:
    return probe.losses


def _norms(probe: Probe) -> tuple[float, ...]:
    return probe.trace.gradient_norms


def verdict(
    evidence: Evidence,
    found: Sequence[Residuals],
    thresholds: Thresholds,
    *,
    ways: str,
    of: str = "steps",
    hint: str = "",
) -> list[Finding]:
    """Make findings of differences that are more than rounding.

    Args:
        evidence: the evidence of the check.
        found: residuals of each quantity.
        thresholds: thresholds of the check.
        ways: name of the two ways, such as ``sdpa and eager attention``.
        of: unit of the compared values: steps or rows.
        hint: a better hint than the check's own.

    Raises:
        NotApplicable: the noise is too large to detect the required drift.

    """
    judged = [one.judge(thresholds, of) for one in found]
    findings = [finding(f"{ways}: {pair[0]}", pair[1], hint=hint) for pair in judged if pair is not None]
    if findings:
        return findings
    blind = max(found, key=lambda one: one.detectable(thresholds["margin"]))
    least = blind.detectable(thresholds["margin"])
    wanted = thresholds["drift"] * (1.0 if evidence.precision == "float32" else thresholds["half"])
    if not least <= wanted:
        msg = (
            f"{ways} show no difference, but noise of the {blind.name} hides a drift below "
            f"{100 * least:.2g}%, and {100 * wanted:.2g}% should be detectable (threshold drift)"
        )
        raise NotApplicable(msg)
    return []


def same_length(first: Probe, second: Probe, ways: str, skip: int = 0) -> list[Finding]:
    """Find a way that takes another number of steps."""
    one, two = len(first.losses) - skip, len(second.losses)
    if one == two and len(first.trace.gradient_norms) - skip == len(second.trace.gradient_norms):
        return []
    return [finding(f"{ways}: equally many optimizer steps", f"{one} and {two}")]
