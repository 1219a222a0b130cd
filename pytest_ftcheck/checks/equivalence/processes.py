"""Checks of the same training in other processes: after an interruption, and with workers that load the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.catalogue import NotApplicable, ReportedBy, check, finding, warning
from pytest_ftcheck.checks.equivalence.ways import (
    BATCH,
    FALSE_ALARMS,
    LIMITS,
    REPETITIONS,
    TOLERANCE,
    compared,
    other_way,
    reference,
    same_length,
    verdict,
)
from pytest_ftcheck.checks.training.declared import changes_rows, probed
from pytest_ftcheck.checks.training.repeated import differs_from_run_to_run, trained_rows
from pytest_ftcheck.checks.training.reproducible import no_advice_on_forks, require_forks
from pytest_ftcheck.checks.training.resume import forgetful_parts, require_repeatable, require_resumable
from pytest_ftcheck.training.variants import Rounded

if TYPE_CHECKING:
    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.training.probe import Probe

_STEPS, _BROKEN_OFF = 24, 8


@check(
    "equivalence.resumed",
    cost="extra-training",
    thresholds=LIMITS,
    false_alarms=FALSE_ALARMS,
    tolerance=TOLERANCE,
    catches="state of optimizer, schedule or loss that a checkpoint rounds or loses, effective in later steps only",
    hint="let the Trainer save and load the whole checkpoint, in the precision of training, and put state of your own "
    "into a callback that exports it.",
)
def resumed(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """A run that is resumed from step 8 of 24 gives the losses and gradients of an uninterrupted run.

    The check compares the 16 steps after the interruption, in units of their means, with the recipe's learning rates
    and without dropout. The weights change, so that the effect of rounding on the whole run is allowed.

    Assumes: a checkpoint contains everything that a run needs to continue.

    Unusual but healthy: callbacks of the user's own with a state, and Trainers that save other weights, only warn;
    samplers of the user's own are skipped.

    False alarms: at most 1.25e-3 a session (t test, Bonferroni over the family's tests), where it is asked for.
    """
    require_resumable(evidence, BATCH * _STEPS)
    ways = "an unbroken run and a resumed one"
    saving = {"save_strategy": "steps", "save_steps": _BROKEN_OFF, "save_only_model": False, "save_total_limit": None}
    unbroken = _moving(evidence, **saving)
    if unbroken.trace.steps != _STEPS:
        reason = f"{_STEPS} steps of the engine step the optimizer {unbroken.trace.steps} times"
        raise ReportedBy(check="training.steps", reason=reason)
    folder = unbroken.folder / f"checkpoint-{_BROKEN_OFF}"
    if not folder.is_dir():
        return [finding(f"a checkpoint at optimizer step {_BROKEN_OFF}", f"none in {unbroken.folder.name}")]
    second = _moving(evidence, resume_from=folder)
    null = [_moving(evidence, variant=Rounded(seed)) for seed in range(1, REPETITIONS + 1)]
    found = same_length(unbroken, second, ways, _BROKEN_OFF)
    if not found and trained_rows(unbroken)[-len(trained_rows(second)) :] != trained_rows(second):
        found = [finding(f"{ways}: the same rows after step {_BROKEN_OFF}", "other ones, or in another order")]
    found = found or verdict(evidence, compared(unbroken, second, null, skip=_BROKEN_OFF), thresholds, ways=ways)
    if not found:
        return []
    require_repeatable(evidence, unbroken)
    if own := forgetful_parts(evidence):
        return [
            warning(one.expected, f"{one.observed}; no checkpoint holds the state of {own}", share=1.0) for one in found
        ]
    return found


def _moving(evidence: Evidence, **changes: Any) -> Probe:
    return probed(
        evidence,
        steps=_STEPS,
        train_rows=tuple(range(BATCH * _STEPS)),
        dropout=False,
        per_device_train_batch_size=BATCH,
        gradient_accumulation_steps=1,
        **changes,
    )


@check(
    "equivalence.workers",
    cost="extra-training",
    thresholds=LIMITS,
    false_alarms=FALSE_ALARMS,
    tolerance=TOLERANCE,
    catches="rows that differ a little in a worker process: another precision, state of its own",
    hint="let rows depend only on their index, and batches only on their features.",
)
def workers(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Training with 2 data loading workers gives the rows, losses and gradients of training without.

    The comparison is that of ``equivalence.accumulation``.

    Assumes: a row depends only on its index.

    Unusual but healthy: rows that each process draws at random are skipped.

    False alarms: at most 1.25e-3 a session (t test, Bonferroni over the family's tests), where it is asked for.
    """
    require_forks(evidence)
    first, ways = reference(evidence), "0 and 2 data loading workers"
    with no_advice_on_forks():
        second = other_way(evidence, first, dataloader_num_workers=2)
    one, two = trained_rows(first.probe), trained_rows(second)
    if one != two:
        if changes_rows(evidence, first.probe):
            msg = "rows are changed at random before they reach the model: each process draws its own numbers"
            raise NotApplicable(msg)
        if differs_from_run_to_run(evidence):
            raise ReportedBy(check="training.seeds", reason="two runs without workers differ as well")
        place = next((place for place, pair in enumerate(zip(one, two, strict=False), 1) if pair[0] != pair[1]), 0)
        observed = f"another one at place {place}" if place else f"{len(two)} rows"
        return [finding(f"{ways}: the same {len(one)} rows in the same order", observed)]
    return same_length(first.probe, second, ways) or verdict(
        evidence, compared(first.probe, second, first.null), thresholds, ways=ways
    )
