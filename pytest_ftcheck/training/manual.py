"""The ``manual`` engine: a plain training loop on Accelerate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import torch
from accelerate import Accelerator, DataLoaderConfiguration
from accelerate.utils import TorchDynamoPlugin
from transformers import SchedulerType, get_scheduler, set_seed
from transformers.trainer_pt_utils import get_parameter_names
from transformers.training_args import OptimizerNames

from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.pipeline.trainer_rows import best_metric
from pytest_ftcheck.training.batches import grouped, make_loaders
from pytest_ftcheck.training.compilation import compile_forward, compile_shapes, uncompiled
from pytest_ftcheck.training.engine import Outcome, Stopwatch, save
from pytest_ftcheck.training.evaluation import BestEpoch, evaluate
from pytest_ftcheck.training.optimizer_step import optimizer_step, rows_of
from pytest_ftcheck.training.prepared import Prepared

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim.lr_scheduler import LRScheduler
    from transformers import Trainer, TrainingArguments

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.training.recorder import StepRecorder
    from pytest_ftcheck.training.tracer import Tracer

_NO_DECAY = [r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]
"""Names of parameters without weight decay, as in `Trainer.get_decay_parameter_names`."""

_TAKEN: dict[str, tuple[Any, ...]] = {
    "eval_strategy": ("epoch", "no"),
    "label_smoothing_factor": (0.0,),
    "neftune_noise_alpha": (None,),
    "lr_scheduler_type": tuple(kind for kind in SchedulerType if kind is not SchedulerType.REDUCE_ON_PLATEAU),
    "train_sampling_strategy": ("random", "group_by_length"),
}
"""Supported values of hyperparameters that this loop supports only in part."""


def train(
    pipeline: Pipeline, args: TrainingArguments, recorder: StepRecorder, trainer: Trainer | None = None
) -> Outcome:
    """Fine-tune with a plain loop, evaluate after every epoch, and keep the best epoch's weights.

    With a user's Trainer, the loop uses its model, loss, optimizer and schedule.
    """
    tracer = recorder.tracer
    parts = prepare(pipeline, args, tracer, trainer)
    accelerator, model, train_loader, eval_loader = (
        parts.accelerator,
        parts.model,
        parts.train_loader,
        parts.eval_loader,
    )
    steps_per_epoch = math.ceil(len(train_loader) / args.gradient_accumulation_steps)
    steps, epochs = planned_steps(args, steps_per_epoch)
    scheduler = make_schedule(parts, args, steps, trainer)
    tracer.scheduled_by(scheduler)
    # A value below 1 is a fraction of the run, as in the Trainer.
    log_every = math.ceil(args.logging_steps * steps) if args.logging_steps < 1 else int(args.logging_steps)
    recorder.begin(steps, epochs)
    best = best_metric(trainer) if trainer else str(args.metric_for_best_model).removeprefix("eval_")
    kept = BestEpoch(args, best)
    history: list[dict[str, float]] = []
    step = seen = 0
    clock = Stopwatch()
    timings: dict[str, float] = {}
    if args.torch_compile and trainer is None and pipeline.trains:
        compile_shapes(parts)
        timings["compile"] = clock.lap()
    for epoch in range(math.ceil(epochs) if pipeline.trains else 0):
        train_loader.set_epoch(epoch)
        tracer.begin_epoch()
        for micro_batches in grouped(train_loader, args.gradient_accumulation_steps):
            loss = update(parts, scheduler, micro_batches, args, recorder)
            step += 1
            seen += sum(rows_of(batch) for batch in micro_batches)
            recorder.optimizer_step(step / steps_per_epoch, seen)
            if step % log_every == 0:
                history.append({"loss": float(loss), "learning_rate": float(scheduler.get_last_lr()[0]), "step": step})
            if step == steps:
                break
        if args.eval_strategy == "epoch":
            with uncompiled(args):
                metrics, _, _ = evaluate(accelerator, model, eval_loader, pipeline, parts.compute_loss, tracer)
            kept.offer(accelerator.unwrap_model(model), {"epoch": step / steps_per_epoch, "step": step, **metrics})
    kept.restore(accelerator.unwrap_model(model))
    timings["train"] = clock.lap()
    with uncompiled(args):
        metrics, logits, label_ids = evaluate(accelerator, model, eval_loader, pipeline, parts.compute_loss, tracer)
    return Outcome(
        model=accelerator.unwrap_model(model),
        epochs=tuple(kept.epochs),
        best_epoch=kept.best,
        log_history=(*history, *kept.epochs),
        logits=logits,
        label_ids=label_ids,
        metrics=metrics,
        timings={**timings, "predict": clock.lap()},
        save=lambda folder: save(accelerator.unwrap_model(model), pipeline.processing_class, folder),
    )


def make_schedule(parts: Prepared, args: TrainingArguments, steps: int, trainer: Trainer | None) -> LRScheduler:
    """Make the schedule for this number of optimizer steps; a user's Trainer makes its own."""
    if trainer is None:
        return make_scheduler(parts.optimizer, args, steps)
    return trainer.create_scheduler(steps, parts.optimizer)


def prepare(pipeline: Pipeline, args: TrainingArguments, tracer: Tracer, trainer: Trainer | None) -> Prepared:
    """Make model, batches and optimizer in the same order as the Trainer; see `train`.

    Raises:
        TaskError: the recipe requests something that only the Trainer supports.

    """
    refuse_what_is_missing(args, own_loss_and_schedule=trainer is not None)
    # The type hints of transformers allow any model, or None.
    theirs = cast("Any", trainer)
    accelerator = Accelerator(
        cpu=args.use_cpu,
        mixed_precision="bf16" if args.bf16 else "fp16" if args.fp16 else "no",
        dataloader_config=DataLoaderConfiguration(
            use_seedable_sampler=True,
            data_seed=args.data_seed,
            # With pinned memory, the next batch is copied during the current step.
            non_blocking=args.dataloader_pin_memory,
        ),
        dynamo_plugin=TorchDynamoPlugin(backend="no"),  # ignore a setting in the environment: see compile_forward
    )
    set_seed(args.seed)
    model = theirs.model if theirs else pipeline.model_init()
    compute_loss = theirs.compute_loss if theirs else loss_of_model
    tracer.watch(model)
    # Set the seed again after making the model, as the Trainer does: samplers and dropout then draw equal numbers.
    set_seed(args.seed)
    train_loader, eval_loader = make_loaders(pipeline, model, args, trainer)
    optimizer = theirs.create_optimizer() if theirs else make_optimizer(model, args)
    compile_forward(model, args)
    model, optimizer, train_loader, eval_loader = accelerator.prepare(model, optimizer, train_loader, eval_loader)
    return Prepared(accelerator, model, optimizer, train_loader, eval_loader, compute_loss)


def loss_of_model(model: nn.Module, batch: dict[str, Tensor], *, return_outputs: bool = False) -> Any:
    """Return the loss of the model, a mean over the rows, as `Trainer.compute_loss` does."""
    outputs = model(**batch)
    return (outputs.loss, outputs) if return_outputs else outputs.loss


def refuse_what_is_missing(args: TrainingArguments, *, own_loss_and_schedule: bool) -> None:
    """Refuse a recipe that this loop does not fully support.

    Args:
        args: the recipe.
        own_loss_and_schedule: a user's Trainer computes the loss and makes the schedule, so that any are supported.

    Raises:
        TaskError: the recipe requests something that only the Trainer supports.

    """
    for name, taken in _TAKEN.items():
        value = getattr(args, name, taken[0])
        theirs = own_loss_and_schedule and name in ("label_smoothing_factor", "lr_scheduler_type")
        if value not in taken and not theirs:
            choices = " or ".join(map(repr, taken))
            msg = (
                f"{name} = {getattr(value, 'value', value)!r}: the manual engine supports only {choices}. Use engine "
                "trainer."
            )
            raise TaskError(msg)


def make_optimizer(model: nn.Module, args: TrainingArguments) -> torch.optim.Optimizer:
    """Make AdamW over all trainable parameters, without decay on biases and normalisation.

    Raises:
        TaskError: the recipe requests an optimizer other than AdamW.

    """
    optim = OptimizerNames(args.optim)
    if optim not in (OptimizerNames.ADAMW_TORCH, OptimizerNames.ADAMW_TORCH_FUSED):
        msg = (
            f"optim = {optim.value!r}: the manual engine supports only adamw_torch and adamw_torch_fused. Use engine "
            "trainer."
        )
        raise TaskError(msg)
    decayed = set(get_parameter_names(model, [torch.nn.LayerNorm], _NO_DECAY))
    trainable = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for name, p in trainable if name in decayed], "weight_decay": args.weight_decay},
        {"params": [p for name, p in trainable if name not in decayed], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups,
        lr=args.learning_rate,
        betas=(args.adam_beta1, args.adam_beta2),
        eps=args.adam_epsilon,
        fused=optim is OptimizerNames.ADAMW_TORCH_FUSED,
    )


def make_scheduler(optimizer: torch.optim.Optimizer, args: TrainingArguments, steps: int) -> LRScheduler:
    """Make the learning rate schedule of the recipe."""
    scheduler = get_scheduler(
        args.lr_scheduler_type,
        optimizer,
        num_warmup_steps=args.get_warmup_steps(steps),
        num_training_steps=steps,
        scheduler_specific_kwargs=cast("dict[str, Any] | None", args.lr_scheduler_kwargs),
    )
    return cast("LRScheduler", scheduler)


def planned_steps(args: TrainingArguments, steps_per_epoch: int) -> tuple[int, float]:
    """Return the number of optimizer steps and epochs of a run; ``max_steps`` overrides epochs if it is set."""
    if args.max_steps > 0:
        return args.max_steps, args.max_steps / steps_per_epoch
    return math.ceil(args.num_train_epochs * steps_per_epoch), float(args.num_train_epochs)


def update(
    parts: Prepared,
    scheduler: LRScheduler,
    micro_batches: list[dict[str, Tensor]],
    args: TrainingArguments,
    recorder: StepRecorder,
) -> Tensor:
    """Take one optimizer step and the corresponding step of the schedule; return the mean loss, detached."""
    if not parts.model.training:  # only after an evaluation: calling train() at every step costs a small model 3%
        parts.model.train()
    loss = optimizer_step(
        parts.accelerator,
        parts.model,
        parts.optimizer,
        micro_batches,
        compute_loss=parts.compute_loss,
        max_grad_norm=args.max_grad_norm,
        recorder=recorder,
    )
    if not parts.accelerator.optimizer_step_was_skipped:
        scheduler.step()
    return loss
