"""Reads the declared training of a fine-tune: its arguments, and which parts of the Trainer are the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch.utils.data import RandomSampler, SequentialSampler
from transformers import EarlyStoppingCallback
from transformers.trainer_pt_utils import LengthGroupedSampler

from pytest_ftcheck.checks.catalogue import NotApplicable, ReportedBy
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.training.fingerprint import fingerprint_rows
from pytest_ftcheck.training.recipe import run_arguments

if TYPE_CHECKING:
    from transformers import TrainingArguments

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.training.probe import Probe


def arguments(evidence: Evidence) -> TrainingArguments:
    """Return the `TrainingArguments` of the run, except its seed and folder."""
    device = evidence.environment["device"]
    return run_arguments(evidence.pipeline, seed=evidence.seed, device=device, output_dir=Path("unused"))


def own_sampler(evidence: Evidence) -> str:
    """Name the sampler if it does not give every row exactly once; an empty text otherwise."""
    sampler = evidence.pipeline.source.own.sampler
    whole = isinstance(sampler, SequentialSampler | LengthGroupedSampler)
    whole |= isinstance(sampler, RandomSampler) and not sampler.replacement
    return "" if whole or sampler is None else type(sampler).__name__


def own_loss(evidence: Evidence) -> tuple[str, ...]:
    """Name the parts of a user's Trainer that make its training loss."""
    own = evidence.pipeline.source.own
    given = () if own.compute_loss_func is None else ("compute_loss_func",)
    return own.methods("compute_loss", "training_step") + given


def own_callbacks(evidence: Evidence) -> str:
    """Name the callbacks that the user's Trainer has in addition to those of every Trainer."""
    usual = "transformers."
    kinds = [type(callback) for callback in evidence.pipeline.source.own.callbacks]
    return ", ".join(
        kind.__name__
        for kind in kinds
        if issubclass(kind, EarlyStoppingCallback) or not kind.__module__.startswith(usual)
    )


def trains_on_all_rows(evidence: Evidence) -> bool:
    """Return whether the run has the number of steps that the user planned: a schedule may be made for all rows."""
    pipeline = evidence.pipeline
    return len(pipeline.train_dataset) >= pipeline.source.rows.count("train_dataset")


def require_steps(evidence: Evidence) -> None:
    """Stop a check of the optimizer's steps if there was none: `training.steps` reports it.

    Raises:
        ReportedBy: no optimizer step changed the model.

    """
    if not evidence.trained_run.trace.steps:
        raise ReportedBy(check="training.steps", reason="no optimizer step was seen")


def changes_rows(evidence: Evidence, probe: Probe) -> bool:
    """Return whether rows differ from the data set when they reach the model: masked, cropped or drawn again."""
    pipeline = evidence.pipeline
    if "input_ids" not in pipeline.train_dataset.column_names:
        return True
    pad_id = pipeline.pad_id
    known = set(fingerprint_rows(pipeline.train_dataset["input_ids"], pad_id))
    return any(row not in known for seen in probe.trace.passes if seen.kind == "train" for row in seen.rows)


def probed(evidence: Evidence, **changes: Any) -> Probe:
    """Make a short fine-tune; see `pytest_ftcheck.training.probe.probe`.

    Raises:
        NotApplicable: a part of the user's code does not support the change, such as a sampler made for all rows.
        CheckFailure: training failed in the same way as the run itself, or its loss was not finite.

    """
    try:
        return evidence.probe(**changes)
    except CheckFailure as failure:
        if any(entry.check != "training.completes" for entry in failure.findings):
            raise
        _ = evidence.trained_run  # if the run fails as well, its own failure is reported
        msg = f"the run completes, but a short run on few rows fails: {failure.findings[0].observed}"
        raise NotApplicable(msg) from failure
