"""Short fine-tunes in memory, for checks that must train."""

from __future__ import annotations

import gc
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from pytest_ftcheck.pipeline.trainer_changes import ChangedModel
from pytest_ftcheck.training.train import engine_outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.trace import Trace

_SHORT: Mapping[str, Any] = {
    "eval_strategy": "epoch",
    "save_strategy": "no",
    "load_best_model_at_end": False,
    "logging_steps": 1,
    "num_train_epochs": 1,
    "dataloader_drop_last": False,
    "dataloader_num_workers": 0,
    "dataloader_prefetch_factor": None,
    "dataloader_persistent_workers": False,
    "torch_compile": False,
    "torch_compile_backend": None,
    "torch_compile_mode": None,
}
_AT_THE_END: Mapping[str, Any] = {
    "eval_strategy": "steps",
    "eval_steps": 10**9,
    "metric_for_best_model": "loss",
    "greater_is_better": False,
}
"""Settings of the Trainer that avoid evaluations; callbacks and schedules may require an ``eval_strategy``."""


@dataclass(frozen=True)
class Probe:
    """The results of a short fine-tune, in memory."""

    weights: Mapping[str, Tensor]
    """Parameters after the last step, by name, on the CPU."""
    losses: tuple[float, ...]
    """Training loss of every optimizer step."""
    trace: Trace
    logits: NDArray[np.float32]
    """Logits, ``[N, K]``, of the few rows evaluated after the last step."""
    folder: Path
    """``output_dir``, with checkpoints if the recipe saves any."""


def probe(
    pipeline: Pipeline,
    *,
    engine: str,
    seed: int,
    environment: Mapping[str, str],
    folder: Path,
    steps: int = 4,
    train_rows: Sequence[int] | None = None,
    eval_rows: int = 8,
    eval_split: str = "eval_dataset",
    dropout: bool = True,
    learning_rate_factor: float | None = None,
    resume_from: Path | None = None,
    repetition: int = 0,
    variant: Callable[[Pipeline], Pipeline] | None = None,
    **recipe: Any,
) -> Probe:
    """Fine-tune for a few steps, evaluate a few rows, and keep everything in memory.

    Args:
        pipeline: the parts.
        engine: ``trainer`` or ``manual``.
        seed: seed of initialisation, order and dropout.
        environment: result of `describe_environment`.
        folder: empty folder for the engine.
        steps: optimizer steps, ``max_steps`` of the recipe.
        train_rows: indices of the training rows; None: all rows.
        eval_rows: number of rows to evaluate, from the first one.
        eval_split: source of the evaluated rows: ``eval_dataset``, or ``train_dataset`` for the training rows.
        dropout: False disables every dropout of the model.
        learning_rate_factor: use a constant learning rate, this factor times the base rate of each parameter group;
            None: use the schedule.
        resume_from: a checkpoint of the Trainer to resume from; engine ``trainer`` only.
        repetition: has no effect; distinguishes a second, equal probe from the first.
        variant: another way to compute the same result, see `pytest_ftcheck.training.variants`.
        recipe: hyperparameters that replace those of the pipeline; see `transformers.TrainingArguments`.

    Raises:
        TaskError: unknown hyperparameter.
        CheckFailure: the loss was not finite, or training failed.

    """
    del repetition
    pipeline = pipeline if variant is None else variant(pipeline)
    trained = pipeline.train_dataset if train_rows is None else pipeline.train_dataset.select(list(train_rows))
    evaluated = trained if eval_split == "train_dataset" else pipeline.eval_dataset
    late = _AT_THE_END if engine == "trainer" else {}
    short = replace(
        pipeline,
        model_init=pipeline.model_init if dropout else ChangedModel(pipeline.model_init, without_dropout),
        train_dataset=trained,
        eval_dataset=evaluated.select(range(min(eval_rows, len(evaluated)))),
        compute_metrics=None,
        args={**pipeline.args, **_SHORT, **late, "max_steps": steps, **recipe},
        resume_from=resume_from or pipeline.resume_from,
    )
    rates = nullcontext() if learning_rate_factor is None else constant_rates(learning_rate_factor)
    with (
        _without_garbage(),
        rates,
        engine_outcome(short, engine=engine, seed=seed, environment=environment, output_dir=folder) as made,
    ):
        outcome, recorder = made
        weights = {name: tensor.detach().cpu().clone() for name, tensor in outcome.model.named_parameters()}
        return Probe(weights, tuple(recorder.losses), recorder.tracer.finish(), outcome.logits, folder)


@contextmanager
def _without_garbage() -> Iterator[None]:
    """Exclude existing objects from the Trainer's garbage collection before training, which would be slow."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def constant_rates(factor: float) -> Iterator[None]:
    """Use the base learning rates of the parameter groups, times a factor, in every optimizer step."""
    first: dict[int, float] = {}

    def set_rates(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        del args, kwargs
        for group in optimizer.param_groups:
            if group["lr"] is not None:  # some optimizers choose their own
                group["lr"] = factor * first.setdefault(id(group), float(group.get("initial_lr", group["lr"])))

    handle = register_optimizer_step_pre_hook(set_rates)
    try:
        yield
    finally:
        handle.remove()


def without_dropout(model: nn.Module) -> None:
    """Disable every dropout of a model, in place, so that trainings with different random numbers can be compared."""
    for module in model.modules():
        if isinstance(module, torch.nn.modules.dropout._DropoutNd):  # noqa: SLF001 - the base class of all dropout modules
            module.p = 0.0
        # Other modules pass a number to torch.nn.functional.dropout: attention_dropout, activation_dropout, layerdrop.
        for name, value in list(vars(module).items()):
            if "drop" in name and isinstance(value, float):
                setattr(module, name, 0.0)
