"""Makes and compares short fine-tunes that should be equal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.checks.training.declared import probed

if TYPE_CHECKING:
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.training.probe import Probe

STEPS, BATCH = 4, 4


def few_steps(evidence: Evidence, *, seed: int | None = None, repetition: int = 0, workers: int = 0) -> Probe:
    """Make the short fine-tune that several checks compare with variants of it."""
    return probed(
        evidence,
        seed=evidence.seed if seed is None else seed,
        steps=STEPS,
        repetition=repetition,
        per_device_train_batch_size=BATCH,
        dataloader_num_workers=workers,
    )


def differs_from_run_to_run(evidence: Evidence) -> bool:
    """Return whether two runs with the same seed differ, on a CPU; on a GPU kernels may make small differences."""
    first, second = few_steps(evidence), few_steps(evidence, repetition=1)
    return bool(difference(first, second, 0.0 if evidence.environment["device"] == "cpu" else 1e-2))


def trained_rows(probe: Probe) -> list[tuple[int, float]]:
    """Return the rows of the training, each with its label, in order; -1 for no label."""
    return [
        (row, -1.0 if math.isnan(label) else label)
        for epoch in probe.trace.passes
        if epoch.kind == "train"
        for row, label in zip(epoch.rows, epoch.labels, strict=True)
    ]


def difference(first: Probe, second: Probe, tolerance: float) -> str:
    """Describe the first difference of two probes; an empty text if they are equal."""
    if trained_rows(first) != trained_rows(second):
        return "they see other rows, or the same in another order"
    for step, (one, two) in enumerate(zip(first.losses, second.losses, strict=True), 1):
        # Written so that NaN counts as different.
        if not abs(one - two) <= tolerance * max(1.0, abs(one)):
            cause = ": initialisation, dropout or the loss draw without a seed" if step == 1 else ""
            return f"on the same rows, first apart at optimizer step {step}: loss {one:.7f} and {two:.7f}{cause}"
    return "" if equal_weights(first, second, tolerance) else "equal losses, and other weights at the end"


def equal_weights(first: Probe, second: Probe, tolerance: float) -> bool:
    """Return whether two probes ended with the same weights: bit for bit where the tolerance is 0."""

    def close(name: str, tensor: Any) -> bool:
        other = second.weights[name]
        return torch.equal(tensor, other) if tolerance == 0 else torch.allclose(tensor, other, 0, tolerance)

    return first.weights.keys() == second.weights.keys() and all(close(*item) for item in first.weights.items())
