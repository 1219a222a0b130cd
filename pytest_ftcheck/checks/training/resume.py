"""Checks whether a run that is resumed from a checkpoint equals an uninterrupted run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers.trainer_callback import ExportableState

from pytest_ftcheck.checks.catalogue import NotApplicable, ReportedBy, check, finding, warning
from pytest_ftcheck.checks.training.declared import (
    arguments,
    changes_rows,
    own_callbacks,
    own_sampler,
    probed,
)
from pytest_ftcheck.checks.training.repeated import differs_from_run_to_run, equal_weights

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.training.probe import Probe

_BATCH, _EPOCH, _STEPS = 4, 4, 6
"""Number of rows of a batch, of optimizer steps of an epoch, and of the run."""
_CHECKPOINTS = {2: "in the middle of an epoch", 4: "at the end of an epoch"}

_NOT_OWN = ("transformers", "pytest_ftcheck")
_SAVING = ("save_model", "_save", "_save_checkpoint")
_LATER = "the state of the optimizer, or one of the user's own, was not restored"


@check(
    "training.resume",
    cost="extra-training",
    thresholds={"gpu": 1e-3},  # relative above 1, of losses and weights, if kernels sum in another order
    catches="a resumed run that starts again: without the state of optimizer or scheduler, with other rows or other "
    "dropout, state of the user's own that no checkpoint contains",
    hint="let the Trainer save and load the whole checkpoint, seed every sampler, and put state of your own into a "
    "callback that exports it.",
)
def resume(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """A run that is resumed in the middle or at the end of an epoch equals an uninterrupted run.

    The finding names the first difference. The check only warns if callbacks of the user's own have state that no
    checkpoint contains, or if a Trainer of the user's own saves other weights than it trains, such as their average.
    The check writes whole checkpoints, also if the recipe sets ``save_only_model``.

    Assumes: a checkpoint contains everything that a run needs to continue.

    Unusual but healthy: callbacks of the user's own with a state only warn; samplers of the user's own, and rows that
    are changed at random, are skipped.

    False alarms: none by chance. On a GPU, sums in another order stay within ``gpu``.
    """
    require_resumable(evidence, _BATCH * _EPOCH)
    tolerance = 0.0 if evidence.environment["device"] == "cpu" else thresholds["gpu"]
    unbroken = _train(evidence)
    if unbroken.trace.steps != _STEPS:
        reason = f"{_STEPS} steps of the engine step the optimizer {unbroken.trace.steps} times"
        raise ReportedBy(check="training.steps", reason=reason)
    found = []
    for step, where in _CHECKPOINTS.items():
        folder = unbroken.folder / f"checkpoint-{step}"
        if not folder.is_dir():
            if own := own_callbacks(evidence):
                msg = f"no checkpoint is left of optimizer step {step}: callbacks of its own ({own}) may remove them"
                raise NotApplicable(msg)
            return [finding(f"a checkpoint at optimizer step {step}", f"none in {sorted(_names(unbroken.folder))}")]
        if difference := _difference(unbroken, _train(evidence, folder), step, tolerance):
            require_repeatable(evidence, unbroken)
            if difference.startswith("first loss"):
                difference += _because(evidence, step, tolerance)
            expected = f"resumed at optimizer step {step}, {where}, it trains as if it had never stopped"
            if own := forgetful_parts(evidence):
                # This matters only to users who resume: the training itself is healthy.
                observed = f"{difference}; the Trainer's checkpoints do not hold the state of {own}"
                found.append(warning(expected, observed, share=1.0))
            else:
                found.append(finding(expected, difference))
    return found


def require_resumable(evidence: Evidence, rows: int) -> None:
    """Stop a check if no training can be resumed, or a resumed training is meant to differ.

    Args:
        evidence: the evidence of the check.
        rows: smallest number of training rows.

    Raises:
        NotApplicable: nothing is trained, there are no checkpoints, or a resumed run is meant to see other rows.

    """
    evidence.require_training()
    if evidence.engine != "trainer":
        msg = "the manual engine writes no checkpoints"
        raise NotApplicable(msg)
    if arguments(evidence).ignore_data_skip:
        msg = "ignore_data_skip = True: a resumed run is meant to see other rows"
        raise NotApplicable(msg)
    if len(evidence.pipeline.train_dataset) < rows:
        msg = f"{len(evidence.pipeline.train_dataset)} training rows are too few"
        raise NotApplicable(msg)


def forgetful_parts(evidence: Evidence) -> str:
    """Name the user's own parts that have a state, or save another one; an empty text if there are none."""
    parts = evidence.pipeline.source.own
    kinds = [type(callback) for callback in parts.callbacks if not isinstance(callback, ExportableState)]
    own = [kind.__name__ for kind in kinds if kind.__module__.partition(".")[0] not in _NOT_OWN]
    methods = parts.methods(*_SAVING)
    return ", ".join([*own, *(f"{parts.trainer_class.__name__}.{name}" for name in methods)])


def require_repeatable(evidence: Evidence, unbroken: Probe) -> None:
    """Stop a check if the difference is not caused by the checkpoint.

    Raises:
        NotApplicable: two equal runs differ too, or random numbers are drawn for every batch.

    """
    if sampler := own_sampler(evidence):
        msg = f"a sampler of its own ({sampler}) draws the rows: the Trainer's checkpoints do not keep its state"
        raise NotApplicable(msg)
    if changes_rows(evidence, unbroken):
        msg = "rows are changed at random before they reach the model: no checkpoint keeps the numbers for a batch"
        raise NotApplicable(msg)
    if differs_from_run_to_run(evidence):
        raise ReportedBy(check="training.seeds", reason="two uninterrupted runs differ as well")


def _train(evidence: Evidence, resume_from: Path | None = None, *, dropout: bool = True) -> Probe:
    saving = {"save_strategy": "steps", "save_steps": 2, "save_only_model": False, "save_total_limit": None}
    return probed(
        evidence,
        steps=_STEPS,
        train_rows=tuple(range(_BATCH * _EPOCH)),
        dropout=dropout,
        resume_from=resume_from,
        per_device_train_batch_size=_BATCH,
        gradient_accumulation_steps=1,
        dataloader_drop_last=False,
        **(saving if resume_from is None else {}),
    )


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def _difference(unbroken: Probe, resumed: Probe, step: int, tolerance: float) -> str:
    """Name the state that was not restored; an empty text if all state was restored."""
    left = _STEPS - step
    if len(resumed.losses) != left:
        return f"{len(resumed.losses)} optimizer steps were left instead of {left}: the run's progress was not restored"
    return _other_input(unbroken, resumed, step) or _other_state(unbroken, resumed, step, tolerance)


def _other_input(unbroken: Probe, resumed: Probe, step: int) -> str:
    left = _STEPS - step
    if _rows(resumed) != _rows(unbroken)[-len(_rows(resumed)) :] or len(_rows(resumed)) != left * _BATCH:
        return "other rows: the order of the data was not restored"
    seen, expected = resumed.trace.learning_rates, unbroken.trace.learning_rates[step:]
    if seen != expected:
        rates = f"{seen[0][0]:.4g} instead of {expected[0][0]:.4g}"
        # The scheduler sets the rate after a step: the rate of the first step comes from the optimizer's own state.
        state = "optimizer" if seen[1:] == expected[1:] else "scheduler"
        return f"another learning rate, {rates} at its first step: the {state} was not restored"
    return ""


def _other_state(unbroken: Probe, resumed: Probe, step: int, tolerance: float) -> str:
    pairs = list(zip(unbroken.losses[step:], resumed.losses, strict=True))
    for number, (before, after) in enumerate(pairs, step + 1):
        # Written so that NaN counts as different.
        if not abs(before - after) <= tolerance * max(1.0, abs(before)):
            if number == step + 1:
                return f"first loss {after:.7f} instead of {before:.7f} on the same rows"
            return f"first apart at step {number}, {after:.7f} instead of {before:.7f}: {_LATER}"
    if not equal_weights(unbroken, resumed, tolerance):
        return f"equal losses, and other weights at the end: {_LATER}"
    return ""


def _because(evidence: Evidence, step: int, tolerance: float) -> str:
    """Distinguish weights from random state: without dropout, only the weights can change the loss."""
    unbroken = _train(evidence, dropout=False)
    resumed = _train(evidence, unbroken.folder / f"checkpoint-{step}", dropout=False)
    if _difference(unbroken, resumed, step, tolerance).startswith("first loss"):
        return ": the weights were not restored"
    return ", and equal without dropout: the random state was not restored"


def _rows(probe: Probe) -> list[int]:
    return [row for epoch in probe.trace.passes if epoch.kind == "train" for row in epoch.rows]
