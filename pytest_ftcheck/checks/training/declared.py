"""What a fine-tune declares of its training: its arguments, and which parts of the Trainer are the user's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch.utils.data import RandomSampler, SequentialSampler
from transformers import EarlyStoppingCallback, Trainer
from transformers.trainer_pt_utils import LengthGroupedSampler

from pytest_ftcheck.checks.catalogue import NotApplicable, ToldBy
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.training.fingerprint import fingerprint_rows
from pytest_ftcheck.training.recipe import training_arguments

if TYPE_CHECKING:
    from transformers import TrainingArguments

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.training.probe import Probe

_ABSENT = object()


def arguments(evidence: Evidence) -> TrainingArguments:
    """Return the `TrainingArguments` that the run has, but for its seed and folder."""
    pipeline = evidence.pipeline
    if pipeline.trainer is None:
        device = evidence.environment["device"]
        return training_arguments(pipeline, seed=evidence.seed, device=device, output_dir=Path("unused"))
    own = pipeline.trainer.args
    changed = {name: value for name, value in pipeline.args.items() if own.get(name, _ABSENT) != value}
    given: TrainingArguments = pipeline.trainer.template.args
    return replace(given, **changed) if changed else given


def own_methods(evidence: Evidence, *names: str) -> tuple[str, ...]:
    """Name those of the Trainer's methods that a user's Trainer has in a version of its own."""
    if evidence.pipeline.trainer is None:
        return ()
    trainer: Any = evidence.pipeline.trainer.template
    methods = ((name, getattr(trainer, name)) for name in names)
    return tuple(name for name, method in methods if getattr(method, "__func__", method) is not getattr(Trainer, name))


def own_optimizer(evidence: Evidence) -> bool:
    """Whether the user made the optimizer, or changed how the Trainer makes it."""
    if evidence.pipeline.trainer is None:
        return False
    trainer: Any = evidence.pipeline.trainer.template
    made = trainer.optimizer is not None or trainer.optimizer_cls_and_kwargs is not None
    return made or bool(own_methods(evidence, "create_optimizer", "create_optimizer_and_scheduler"))


def own_schedule(evidence: Evidence) -> bool:
    """Whether the user made the learning rate scheduler, or changed how the Trainer makes it."""
    if evidence.pipeline.trainer is None:
        return False
    trainer: Any = evidence.pipeline.trainer.template
    if trainer.lr_scheduler is None and own_methods(evidence, "create_optimizer"):
        trainer.create_optimizer()  # which may make the scheduler, too
    made = trainer.lr_scheduler is not None
    return made or bool(own_methods(evidence, "create_scheduler", "create_optimizer_and_scheduler"))


def own_sampler(evidence: Evidence) -> str:
    """Name the sampler where it is not one that gives every row once; an empty text where it is."""
    sampler = sampler_of(evidence)
    whole = isinstance(sampler, SequentialSampler | LengthGroupedSampler)
    whole |= isinstance(sampler, RandomSampler) and not sampler.replacement
    return "" if whole or sampler is None else type(sampler).__name__


def sampler_of(evidence: Evidence) -> Any:
    """Return what draws the train rows, or the batches, where a user's Trainer makes it; None where it does not."""
    names = ("get_train_dataloader", "_get_train_sampler", "_get_dataloader", "get_batch_samples")
    if evidence.pipeline.trainer is None or not own_methods(evidence, *names):
        return None
    loader: Any = evidence.pipeline.trainer.template.get_train_dataloader()
    batches = getattr(loader, "batch_sampler", None)
    if type(batches).__module__.partition(".")[0] not in ("builtins", "torch", "accelerate", "transformers"):
        return batches
    return getattr(batches, "sampler", getattr(loader, "sampler", None))


def own_loss(evidence: Evidence) -> tuple[str, ...]:
    """Name the parts of a user's Trainer that make its training loss."""
    names = own_methods(evidence, "compute_loss", "training_step")
    source = evidence.pipeline.trainer
    if source is not None and source.template.compute_loss_func is not None:
        names += ("compute_loss_func",)
    return names


def own_callbacks(evidence: Evidence) -> str:
    """Name the callbacks that the user's Trainer has beside those of every Trainer."""
    if evidence.pipeline.trainer is None:
        return ""
    callbacks: list[Any] = evidence.pipeline.trainer.template.callback_handler.callbacks
    usual = "transformers."
    kinds = [type(callback) for callback in callbacks]
    return ", ".join(
        kind.__name__
        for kind in kinds
        if issubclass(kind, EarlyStoppingCallback) or not kind.__module__.startswith(usual)
    )


def trains_on_all_rows(evidence: Evidence) -> bool:
    """Whether the run has as many steps as the user planned: a user's schedule may be made for all rows."""
    source = evidence.pipeline.trainer
    return source is None or len(evidence.pipeline.train_dataset) >= len(source.train_rows)


def require_steps(evidence: Evidence) -> None:
    """Stop a check of the optimizer's steps where there was none: `training.steps` tells of it.

    Raises:
        ToldBy: no optimizer step changed the model.

    """
    if not evidence.trained_run.trace.steps:
        raise ToldBy(check="training.steps", reason="no optimizer step was seen")


def changes_rows(evidence: Evidence, probe: Probe) -> bool:
    """Whether rows are others than in the data set when they reach the model: masked, cropped or drawn anew."""
    pipeline = evidence.pipeline
    if "input_ids" not in pipeline.train_dataset.column_names:
        return True
    pad_id = pipeline.pad_id
    known = set(fingerprint_rows(pipeline.train_dataset["input_ids"], pad_id))
    return any(row not in known for seen in probe.trace.passes if seen.kind == "train" for row in seen.rows)


def probed(evidence: Evidence, **changes: Any) -> Probe:
    """Make a short fine-tune; see `pytest_ftcheck.training.probe.probe`.

    Raises:
        NotApplicable: a part of the user's cannot take the change, such as a sampler that was made for all rows.
        CheckFailure: training broke off in the same way as the run itself, or its loss was not finite.

    """
    try:
        return evidence.probe(**changes)
    except CheckFailure as failure:
        if any(entry.check != "training.completes" for entry in failure.findings):
            raise
        _ = evidence.trained_run  # where the run breaks off as well, its own failure tells of it
        msg = f"the run goes through, but not a short one on few rows: {failure.findings[0].observed}"
        raise NotApplicable(msg) from failure
