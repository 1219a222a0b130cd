"""The recipe: hyperparameters with the names of `transformers.TrainingArguments`."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from transformers import TrainingArguments

from pytest_ftcheck.compat.of_transformers import use_one_device
from pytest_ftcheck.errors import TaskError, unknown
from pytest_ftcheck.pipeline.from_card import OWN_RECIPE_KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from transformers import Trainer

    from pytest_ftcheck.pipeline.parts import Pipeline

DEFAULTS: dict[str, Any] = {
    "eval_strategy": "epoch",
    "save_strategy": "best",
    "save_only_model": True,
    "save_total_limit": 1,
    "load_best_model_at_end": True,
    "logging_steps": 10,
    # Off: it hides a NaN loss from the log, and costs two device syncs per micro-step. StepRecorder checks the loss.
    "logging_nan_inf_filter": False,
    "report_to": "none",
    "disable_tqdm": True,
}
"""Default values of every recipe; a card's recipe may change any of them."""

_OURS = ("output_dir", "seed", "use_cpu")


def training_arguments(pipeline: Pipeline, *, seed: int, device: str, output_dir: Path) -> TrainingArguments:
    """Make the `TrainingArguments` of one run from the pipeline's recipe.

    Args:
        pipeline: gives the recipe and the metric that decides which epoch is best.
        seed: seed of initialisation, order and dropout.
        device: ``cpu``, ``cuda`` or ``mps``.
        output_dir: output folder of the engine.

    Raises:
        TaskError: unknown hyperparameter, or a value that `TrainingArguments` refuses.

    """
    known = {spec.name for spec in fields(TrainingArguments) if spec.init} - set(_OURS)
    for name in pipeline.args:
        if name not in known:
            todo = "A recipe takes the arguments of transformers.TrainingArguments, max_length and fast_cpu."
            near = unknown(f"hyperparameter of task {pipeline.card.name!r}", name, [*known, *OWN_RECIPE_KEYS], todo)
            raise TaskError(_shortened(near))
    check_values(pipeline)
    metric = str(pipeline.args.get("metric_for_best_model", pipeline.card.metric_for_best_model))
    # None for a metric that is not in the card: TrainingArguments then sets it to False for a loss.
    greater = pipeline.card.metric.greater_is_better.get(metric.removeprefix("eval_"))
    best = {"metric_for_best_model": metric, "greater_is_better": greater}
    ours = {"output_dir": str(output_dir), "seed": seed, "use_cpu": device == "cpu"}
    pinned = {"dataloader_pin_memory": device == "cuda"}
    try:
        arguments = TrainingArguments(**DEFAULTS | best | pinned | dict(pipeline.args) | ours)
    except (ValueError, TypeError) as error:
        msg = f"recipe of task {pipeline.card.name!r}: {error}"
        raise TaskError(msg) from error
    # One device, as in the header: otherwise the Trainer would use every GPU with DataParallel.
    use_one_device(arguments)
    return arguments


def run_arguments(pipeline: Pipeline, *, seed: int, device: str, output_dir: Path) -> TrainingArguments:
    """Return the arguments of a user's Trainer with the pipeline's changes, else the arguments of the recipe.

    A user's arguments keep their own seed, device and folder; see `training_arguments` for the parameters.
    """
    own = pipeline.source.arguments(pipeline.args)
    return own or training_arguments(pipeline, seed=seed, device=device, output_dir=output_dir)


def trainer_and_arguments(
    pipeline: Pipeline, *, seed: int, device: str, output_dir: Path, steps: int | None = None
) -> tuple[Trainer | None, TrainingArguments]:
    """Make the user's Trainer of one run, if there is one, and the run's arguments.

    Args:
        pipeline: the parts.
        seed: seed of initialisation, order and dropout.
        device: ``cpu``, ``cuda`` or ``mps``.
        output_dir: output folder of the engine.
        steps: ``max_steps`` for a user's factory.

    Raises:
        TaskError: as in `training_arguments`, or the user's factory fails.

    """
    where: dict[str, Any] = {"seed": seed, "device": device, "output_dir": output_dir}
    trainer = pipeline.source.make_trainer(pipeline, **where, steps=steps)
    return trainer, training_arguments(pipeline, **where) if trainer is None else trainer.args


_NUMBERS: Mapping[str, tuple[float, float, bool]] = {
    "learning_rate": (0, 1e38, False),
    "weight_decay": (0, 1e38, False),
    "adam_beta1": (0, 1, False),
    "adam_beta2": (0, 1, False),
    "adam_epsilon": (0, 1, False),
    "max_grad_norm": (0, 1e12, False),
    "label_smoothing_factor": (0, 1, False),
    "num_train_epochs": (1e-9, 1e6, False),
    "max_steps": (-1, 2**31, True),
    "warmup_steps": (0, 2**31, False),
    "per_device_train_batch_size": (1, 2**20, True),
    "per_device_eval_batch_size": (1, 2**20, True),
    "gradient_accumulation_steps": (1, 2**20, True),
    "dataloader_num_workers": (0, 1024, True),
}
"""Minimum, maximum, and whether it must be an integer; TrainingArguments accepts any value, and training then fails."""
_SEVERAL_PROCESSES = ("deepspeed", "fsdp", "fsdp_config")


def check_values(pipeline: Pipeline) -> None:
    """Refuse values of a card's recipe that are not numbers, or out of range.

    Raises:
        TaskError: a value is refused.

    """
    for name, value in pipeline.args.items():
        if name in _SEVERAL_PROCESSES and value:
            msg = (
                f"recipe of task {pipeline.card.name!r}: {name} needs several processes, but a session has one. Remove "
                f"{name}."
            )
            raise TaskError(msg)
        if name not in _NUMBERS or (name == "max_grad_norm" and value is None):  # no clipping
            continue
        least, most, whole = _NUMBERS[name]
        kinds = (int,) if whole else (int, float)
        # Written so that NaN fails.
        if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
            kind = "an integer" if whole else "a number"
            where = f"recipe of task {pipeline.card.name!r}: {name} = {value!r}"
            msg = f"{where}: expected {kind} from {least:g} to {most:g}."
            raise TaskError(msg)


def _shortened(message: str) -> str:
    """Remove the list of the hundred known names from the message."""
    head, _, tail = message.partition(" Known: ")
    return f"{head} {tail.partition('. ')[2]}"
