"""Checks of learning: the loss falls over the run.

Shapes: S optimizer steps, N rows, K classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding
from pytest_ftcheck.checks.metrics.healthy import may_be_healthy
from pytest_ftcheck.checks.metrics.loss import require_plain_loss
from pytest_ftcheck.checks.metrics.rows import judged
from pytest_ftcheck.checks.training.declared import arguments, own_loss, require_steps

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.runs.run import Run

_ENOUGH_STEPS = 300
"""Number of steps below which a loss within its noise is no evidence: real checkpoints need a few hundred steps."""
_LAST_PART = 5
"""Fraction of the steps whose mean is the final loss: the last fifth."""


@dataclass(frozen=True)
class Level:
    """A mean loss and its standard error."""

    mean: float
    error: float
    name: str


@check(
    "training.loss_falls",
    cost="run",
    # Smallest number of steps; probability that a loss within its noise, or a healthy model, fails.
    thresholds={"steps": 20, "doubt": 1e-3},
    false_alarms=1e-3,
    catches="a learning rate of 0 or one that is far too high, frozen weights, labels that have nothing to do with the "
    "rows, a collapsed model",
    hint="look at the learning rate (0, too high, a warm-up as long as the run), at frozen or missing parameters, and "
    "at whether rows and labels belong together; or the run is too short to learn anything.",
)
def loss_falls(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The training loss ends below the loss of a guess, by more than its noise.

    A guess uses only the frequencies of the labels. If the loss is the user's own, its first values replace the guess.

    Assumes: the loss of a batch is comparable from step to step.

    Unusual but healthy: short runs within their noise, and runs whose predictions may be those of a healthy model, are
    skipped. A loss that rises on purpose, as in a curriculum, fails.

    False alarms: at most 1e-3 for a healthy model (Student's t; one-sided interval of the predictions). Steps count as
    independent.
    """
    run = evidence.trained_run
    require_steps(evidence)
    losses = _full_steps(run)
    if len(losses) < thresholds["steps"]:
        msg = f"{len(losses)} optimizer steps are too few to distinguish a falling loss from its noise"
        raise NotApplicable(msg)
    guess, end = _guess(evidence, losses), _end(losses)
    course = course_of(losses, guess, thresholds["doubt"])
    if course == "falls" or (guess.mean > end.mean and _evaluation_falls(evidence, run)):
        return []
    noise = math.hypot(guess.error, end.error)
    if course == "noise":
        msg = f"it goes from {guess.mean:.4f} to {end.mean:.4f}, within the noise of only {len(losses)} optimizer steps"
        raise NotApplicable(msg)
    if guess.mean > end.mean and _may_be_healthy(evidence, thresholds["doubt"]):
        msg = f"it goes from {guess.mean:.4f} to {end.mean:.4f}, within its noise, and its predictions may be healthy"
        raise NotApplicable(msg)
    expected = (
        f"a training loss that ends below {guess.mean:.4f}, {guess.name}, by more than its noise, {2 * noise:.4f}"
    )
    observed = f"{losses[0]:.4f} at the first step, {end.mean:.4f} over the last {_last(losses)} of {len(losses)} steps"
    return [finding(expected, observed)]


def course_of(losses: NDArray[np.float64], guess: Level, doubt: float) -> str:
    """Return the course of losses ``[S]`` against a guess: ``falls``, ``stays``, or ``noise`` if steps are too few."""
    end = _end(losses)
    fall, noise = guess.mean - end.mean, math.hypot(guess.error, end.error)
    # Written so that NaN does not count as falling.
    if fall > 2 * noise:
        return "falls"
    # The estimate of the noise from a few steps is uncertain: Student's distribution takes this into account.
    rise = float(stats.t.isf(doubt, _last(losses) - 1)) * noise
    return "noise" if fall > -rise and len(losses) < _ENOUGH_STEPS else "stays"


def _may_be_healthy(evidence: Evidence, doubt: float) -> bool:
    """Return whether the evaluated predictions could be those of a model that learned something."""
    try:
        rows = judged(evidence)
    except NotApplicable:
        return False
    return may_be_healthy(rows, doubt)


def _full_steps(run: Run) -> NDArray[np.float64]:
    """Return the losses ``[S]`` without incomplete steps at the end of an epoch, whose scale may differ."""
    losses, sizes = np.asarray(run.step_losses, float), np.asarray(run.trace.micro_steps)
    return losses[sizes == sizes.max()] if len(losses) == len(sizes) else losses


def _last(losses: NDArray[np.float64]) -> int:
    return max(_LAST_PART, len(losses) // _LAST_PART)


def _end(losses: NDArray[np.float64]) -> Level:
    part = losses[-_last(losses) :]
    return Level(float(part.mean()), float(part.std(ddof=1)) / math.sqrt(len(part)), "")


def _guess(evidence: Evidence, losses: NDArray[np.float64]) -> Level:
    if has_plain_loss(evidence):
        level = _guessed(evidence, evidence.pipeline.train_dataset)
        if level > 0:
            return Level(level, 0.0, "the loss of a guess from the frequencies of the labels")
    start = losses[: max(3, min(20, len(losses) // 20))]
    # Use the median: a learning rate that is too high causes a spike, and any loss is below the mean of a spike.
    spread = float(start.std(ddof=1)) / math.sqrt(len(start))
    return Level(float(np.median(start)), spread, f"where it starts (the first {len(start)} steps)")


def has_plain_loss(evidence: Evidence) -> bool:
    """Return whether the training loss is the mean cross entropy or squared error of a batch, as in transformers."""
    try:
        require_plain_loss(evidence)
    except NotApplicable:
        return False
    # A Trainer with BERT does not divide by the number of micro-batches: see `accumulation`.
    weighs = evidence.pipeline.source.loss.weighs_micro_batches
    return not own_loss(evidence) and (weighs or arguments(evidence).gradient_accumulation_steps <= 1)


def _guessed(evidence: Evidence, rows: Dataset) -> float:
    """Return the mean loss of the best constant prediction: the entropy of the labels in nats, or their variance."""
    card = evidence.pipeline.card
    labels = card.head_rules.labels.stacked([label for label in evidence.labels(rows) if label is not None])
    smoothing = float(arguments(evidence).label_smoothing_factor)
    return card.head_rules.loss.of_constant(labels, card.num_labels, smoothing)


def _evaluation_falls(evidence: Evidence, run: Run) -> bool:
    """Return whether the last evaluation's loss fell, although the training loss is too noisy to show it."""
    last = run.epochs[-1] if run.epochs else run.metrics
    return has_plain_loss(evidence) and last.get("loss", math.inf) < 0.97 * _guessed(
        evidence, evidence.pipeline.eval_dataset
    )
