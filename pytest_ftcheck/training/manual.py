"""The ``manual`` engine: a training loop as the textbook has it, on Accelerate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from accelerate import Accelerator, DataLoaderConfiguration
from transformers import SchedulerType, get_scheduler, set_seed
from transformers.trainer_pt_utils import get_parameter_names
from transformers.training_args import OptimizerNames

from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.tasks.metrics import load_metric, predictions_from_logits
from pytest_ftcheck.training.batches import grouped, make_eval_loader, make_train_loader
from pytest_ftcheck.training.engine import Outcome, Stopwatch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor, nn
    from transformers import TrainingArguments

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.training.recorder import StepRecorder

_NO_DECAY = [r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]
"""Names without weight decay, as `Trainer.get_decay_parameter_names` has them."""

_TAKEN: dict[str, tuple[Any, ...]] = {
    "eval_strategy": ("epoch",),
    "label_smoothing_factor": (0.0,),
    "neftune_noise_alpha": (None,),
    "lr_scheduler_type": tuple(kind for kind in SchedulerType if kind is not SchedulerType.REDUCE_ON_PLATEAU),
    "train_sampling_strategy": ("random", "group_by_length"),
}
"""Hyperparameters that this loop has in some values only."""


def train(pipeline: Pipeline, args: TrainingArguments, recorder: StepRecorder) -> Outcome:
    """Fine-tune with a plain loop, evaluate after every epoch, keep the best epoch's weights."""
    refuse_what_is_missing(args)
    accelerator = Accelerator(
        cpu=args.use_cpu,
        mixed_precision="bf16" if args.bf16 else "fp16" if args.fp16 else "no",
        dataloader_config=DataLoaderConfiguration(use_seedable_sampler=True, data_seed=args.data_seed),
    )
    set_seed(args.seed)
    model = pipeline.model_init()
    # As the Trainer, which seeds again when it has its model: samplers and dropout then draw the same numbers.
    set_seed(args.seed)
    train_loader, eval_loader = make_train_loader(pipeline, model, args), make_eval_loader(pipeline, model, args)
    optimizer = make_optimizer(model, args)
    model, optimizer, train_loader, eval_loader = accelerator.prepare(model, optimizer, train_loader, eval_loader)
    steps_per_epoch = math.ceil(len(train_loader) / args.gradient_accumulation_steps)
    steps, epochs = planned_steps(args, steps_per_epoch)
    scheduler = get_scheduler(
        args.lr_scheduler_type,
        optimizer,
        num_warmup_steps=args.get_warmup_steps(steps),
        num_training_steps=steps,
        scheduler_specific_kwargs=cast("dict[str, Any] | None", args.lr_scheduler_kwargs),
    )
    # Below 1 it is a share of the run, as with the Trainer.
    log_every = math.ceil(args.logging_steps * steps) if args.logging_steps < 1 else int(args.logging_steps)
    recorder.begin(steps, epochs)
    kept = BestEpoch(args)
    history: list[dict[str, float]] = []
    step = seen = 0
    clock = Stopwatch()
    for epoch in range(math.ceil(epochs)):
        train_loader.set_epoch(epoch)
        for micro_batches in grouped(train_loader, args.gradient_accumulation_steps):
            model.train()
            loss = optimizer_step(
                accelerator, model, optimizer, micro_batches, max_grad_norm=args.max_grad_norm, recorder=recorder
            )
            if not accelerator.optimizer_step_was_skipped:
                scheduler.step()
            step += 1
            seen += sum(len(batch["labels"]) for batch in micro_batches)
            recorder.optimizer_step(step / steps_per_epoch, seen)
            if step % log_every == 0:
                history.append({"loss": float(loss), "learning_rate": scheduler.get_last_lr()[0], "step": step})
            if step == steps:
                break
        metrics, _, _ = evaluate(accelerator, model, eval_loader, pipeline)
        kept.offer(accelerator.unwrap_model(model), {"epoch": step / steps_per_epoch, "step": step, **metrics})
    kept.restore(accelerator.unwrap_model(model))
    train_seconds = clock.lap()
    metrics, logits, label_ids = evaluate(accelerator, model, eval_loader, pipeline)
    return Outcome(
        model=accelerator.unwrap_model(model),
        epochs=tuple(kept.epochs),
        best_epoch=kept.best,
        log_history=(*history, *kept.epochs),
        logits=logits,
        label_ids=label_ids,
        metrics=metrics,
        timings={"train": train_seconds, "predict": clock.lap()},
    )


def refuse_what_is_missing(args: TrainingArguments) -> None:
    """Refuse a recipe that this loop would only half follow.

    Raises:
        TaskError: it asks for something that only the Trainer does.

    """
    for name, taken in _TAKEN.items():
        value = getattr(args, name, taken[0])
        if value not in taken:
            choices = " or ".join(map(repr, taken))
            msg = f"{name} = {getattr(value, 'value', value)!r}: the manual engine has {choices}. Use engine trainer."
            raise TaskError(msg)


def make_optimizer(model: nn.Module, args: TrainingArguments) -> torch.optim.Optimizer:
    """Make AdamW over all trainable parameters, without decay on biases and normalisation.

    Raises:
        TaskError: the recipe asks for an optimizer other than AdamW.

    """
    optim = OptimizerNames(args.optim)
    if optim not in (OptimizerNames.ADAMW_TORCH, OptimizerNames.ADAMW_TORCH_FUSED):
        msg = f"optim = {optim.value!r}: the manual engine has adamw_torch and adamw_torch_fused. Use engine trainer."
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


def planned_steps(args: TrainingArguments, steps_per_epoch: int) -> tuple[int, float]:
    """Return optimizer steps and epochs of a run; ``max_steps``, where it is set, counts before epochs."""
    if args.max_steps > 0:
        return args.max_steps, args.max_steps / steps_per_epoch
    return math.ceil(args.num_train_epochs * steps_per_epoch), float(args.num_train_epochs)


def optimizer_step(
    accelerator: Accelerator,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    micro_batches: list[dict[str, Tensor]],
    *,
    max_grad_norm: float,
    recorder: StepRecorder,
) -> Tensor:
    """Update the parameters once, with the mean gradient over the rows of all micro-batches.

    Returns:
        The mean loss over those rows, detached.

    """
    rows = sum(len(batch["labels"]) for batch in micro_batches)
    total = torch.zeros((), device=accelerator.device)
    for index, batch in enumerate(micro_batches):
        accelerator.gradient_state._set_sync_gradients(index == len(micro_batches) - 1)  # noqa: SLF001 - as the Trainer
        loss = model(**batch).loss * (len(batch["labels"]) / rows)
        accelerator.backward(loss)
        recorder.micro_step(loss.detach())
        total += loss.detach()
    if max_grad_norm > 0:
        accelerator.clip_grad_norm_(model.parameters(), max_grad_norm)
    optimizer.step()
    optimizer.zero_grad()
    return total


@torch.no_grad()
def evaluate(
    accelerator: Accelerator,
    model: nn.Module,
    loader: Any,
    pipeline: Pipeline,
) -> tuple[dict[str, float], NDArray[np.float32], NDArray[Any]]:
    """Evaluate every row in order.

    Returns:
        The metrics with ``loss``, the logits ``[N, K]`` and the label ids ``[N]``.

    """
    model.eval()
    metric = load_metric(pipeline.card.metric.path, pipeline.card.metric.config_name)
    parts: list[tuple[NDArray[np.float32], NDArray[Any]]] = []
    total = 0.0
    for batch in loader:
        output = model(**batch)
        logits, labels = accelerator.gather_for_metrics((output.logits.float(), batch["labels"]))
        metric.add_batch(predictions=predictions_from_logits(logits, pipeline.card.head), references=labels)
        parts.append((logits.cpu().numpy(), labels.cpu().numpy()))
        total += float(output.loss) * len(labels)
    logits, label_ids = (np.concatenate(column) for column in zip(*parts, strict=True))
    # One logit that is not finite makes every metric NaN, as in `compute_metrics_fn`: no class was predicted.
    finite = bool(np.isfinite(logits).all())
    values = metric.compute() if finite else dict.fromkeys(pipeline.card.metric.greater_is_better, math.nan)
    return {"loss": total / len(label_ids), **{name: float(value) for name, value in values.items()}}, logits, label_ids


class BestEpoch:
    """Remembers every epoch's metrics, and the weights of the best one where the recipe keeps the best."""

    def __init__(self, args: TrainingArguments) -> None:
        self.epochs: list[Mapping[str, float]] = []
        self.best: int | None = None
        self._keeps = args.load_best_model_at_end
        self._metric = str(args.metric_for_best_model).removeprefix("eval_")
        self._sign = 1.0 if args.greater_is_better else -1.0
        self._best_value = -math.inf
        self._weights: dict[str, Tensor] = {}

    def offer(self, model: nn.Module, metrics: Mapping[str, float]) -> None:
        """Note an epoch; keep a copy of its weights if it is the best so far."""
        self.epochs.append(metrics)
        # The first of equals stays, as with the Trainer; a NaN is never better.
        if self._keeps and self._sign * metrics[self._metric] > self._best_value:
            self._best_value = self._sign * metrics[self._metric]
            self.best = len(self.epochs)
            self._weights = {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}

    def restore(self, model: nn.Module) -> None:
        """Put the best epoch's weights back."""
        if self._weights:
            model.load_state_dict(self._weights)
