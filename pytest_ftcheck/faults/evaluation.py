"""Faults of evaluation, checkpoints and resuming."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader
from transformers import TrainerCallback

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.compat.of_transformers import LOADS_BEST_MODEL, LOADS_RANDOM_STATE
from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.planting import (
    last_linear,
    nothing,
    tokenized,
    with_args,
    with_chosen,
    with_head,
    with_model,
    with_patch,
)
from pytest_ftcheck.tasks.metric_names import known_direction

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pytest_ftcheck.pipeline.parts import Pipeline

_FEW_ROWS = 96
_MANY_EPOCHS = 8
_PEAK = 10.0
_EVAL_BATCH = 8
_LARGE = 1e7


def overtrained(pipeline: Pipeline) -> Pipeline:
    """Return the pipeline on few rows, at a learning rate that always rises, so that its best epoch is not its last."""
    count = min(_FEW_ROWS, len(pipeline.train_dataset))
    steps = range(0, len(pipeline.train_dataset), max(1, len(pipeline.train_dataset) // count))
    return with_args(
        with_chosen(pipeline, "train", list(steps)[:count]),
        num_train_epochs=_MANY_EPOCHS,
        learning_rate=_PEAK * float(pipeline.args.get("learning_rate", 5e-5)),
        lr_scheduler_type="constant_with_warmup",
        warmup_steps=0.999,  # a fraction of the run
        per_device_train_batch_size=16,
        metric_for_best_model="loss",
        greater_is_better=False,
        load_best_model_at_end=True,
        eval_strategy="epoch",
        save_strategy="epoch",
    )


@fault(
    whole_run=True,
    caught_by=("training.best_checkpoint",),
    seen_in_practice="load_best_model_at_end is set, and a callback or a copy of the state restores the last weights.",
)
def best_model_not_loaded(pipeline: Pipeline) -> Pipeline:
    """The last epoch's weights are kept, although the best epoch's are requested and reported."""
    return with_patch(
        overtrained(pipeline),
        nothing,
        LOADS_BEST_MODEL,
        "pytest_ftcheck.training.evaluation:BestEpoch.restore",
    )


@fault(
    whole_run=True,
    engines=("trainer",),
    caught_by=("training.kept_weights",),
    seen_in_practice="A callback keeps model.state_dict() of the best epoch without a copy, and restores the last "
    "weights with it.",
)
def best_weights_kept_by_reference(pipeline: Pipeline) -> Pipeline:
    """A callback keeps the weights of the first evaluation, but they change with further training."""
    return with_patch(pipeline, _keeping, "transformers:Trainer.__init__")


def _keeping(original: Any, trainer: Any, *args: Any, **kwargs: Any) -> None:
    original(trainer, *args, **kwargs)
    trainer.add_callback(_KeepsFirst())


class _KeepsFirst(TrainerCallback):
    def __init__(self) -> None:
        self.best: dict[str, Tensor] = {}

    def on_evaluate(self, *args: object, **kwargs: Any) -> None:
        del args
        self.best = self.best or kwargs["model"].state_dict()


@fault(
    caught_by=("training.best_checkpoint",),
    seen_in_practice="greater_is_better was set for another metric, or for the loss, which is no longer the metric.",
)
def greater_is_better_reversed(pipeline: Pipeline) -> Pipeline:
    """The direction of the metric is reversed, so that the worst epoch is kept."""
    name = str(pipeline.args.get("metric_for_best_model") or pipeline.card.metric_for_best_model).removeprefix("eval_")
    return with_args(
        pipeline,
        metric_for_best_model=name,
        greater_is_better=not known_direction(name),
        load_best_model_at_end=True,
        eval_strategy="epoch",
        save_strategy="epoch",
    )


@fault(
    caught_by=("training.eval_mode",),
    seen_in_practice="A custom loop does not call model.eval(), and the metrics are those of a model with dropout.",
)
def eval_mode_forgotten(pipeline: Pipeline) -> Pipeline:
    """The model is evaluated in train mode."""
    return with_patch(pipeline, _same_mode, "torch.nn:Module.eval", "transformers:PreTrainedModel.eval")


def _same_mode(original: Any, module: nn.Module) -> nn.Module:
    del original
    return module


@fault(
    caught_by=("training.eval_keeps_weights",),
    seen_in_practice="To evaluate faster, the model is cast to half precision and back, which rounds its weights.",
)
def weights_rounded_in_evaluation(pipeline: Pipeline) -> Pipeline:
    """Every evaluation rounds the weights to half precision."""
    return with_model(pipeline, _round_in_evaluation)


def _round_in_evaluation(model: nn.Module) -> None:
    model.register_forward_pre_hook(_rounded)


def _rounded(module: nn.Module, args: Any) -> None:
    del args
    if not module.training and not torch.is_grad_enabled():
        for parameter in module.parameters():
            parameter.copy_(parameter.bfloat16())


@fault(
    caught_by=("model.finite", "serving.submission"),
    seen_in_practice="fp16_full_eval is set to make evaluation faster, and some activations are too large for float16.",
)
def overflow_in_evaluation(pipeline: Pipeline) -> Pipeline:
    """The evaluation computes in float16, and the activations before the logits overflow."""
    return with_head(pipeline, _half_in_evaluation)


def _half_in_evaluation(model: nn.Module) -> None:
    _, layer = last_linear(model)
    layer.register_forward_hook(_overflow)


def _overflow(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
    del args
    if module.training or torch.is_grad_enabled():
        return output
    # This happens in a sum over a long text that is divided only afterwards.
    return (output * _LARGE).half().to(output) / _LARGE


@fault(
    engines=("trainer",),
    caught_by=("training.evaluations",),
    seen_in_practice="eval_delay counts epochs with eval_strategy='epoch', and was chosen for steps.",
)
def evaluations_delayed_past_the_end(pipeline: Pipeline) -> Pipeline:
    """The first evaluation is due after the last epoch."""
    if pipeline.args.get("eval_strategy") == "no":
        msg = "the recipe has no evaluation during training"
        raise NotApplicable(msg)
    return with_args(pipeline, eval_delay=1_000_000, load_best_model_at_end=False)


@fault(
    caught_by=("metrics.evaluated_rows",),
    seen_in_practice="get_eval_dataloader is overridden and builds its loader from the wrong attribute.",
)
def train_batches_evaluated(pipeline: Pipeline) -> Pipeline:
    """Epochs are evaluated on train rows."""
    return with_patch(
        pipeline,
        _of_train,
        "transformers:Trainer.get_eval_dataloader",
        "pytest_ftcheck.training.batches:make_eval_loader",
    )


def _of_train(original: Any, owner: Any, *args: Any) -> Any:
    """Make a loader of train rows, as many as there are evaluation rows; the owner is a Trainer or a pipeline."""
    rows = owner.train_dataset.select(range(min(len(owner.eval_dataset), len(owner.train_dataset))))
    if not args or hasattr(owner, "get_train_dataloader"):
        return original(owner, rows)
    return original(replace(owner, eval_dataset=rows), *args)


@fault(
    caught_by=("model.logits_shape", "metrics.evaluated_rows"),
    seen_in_practice="dataloader_drop_last is set for training, and the Trainer applies it in evaluation too.",
)
def last_batch_not_evaluated(pipeline: Pipeline) -> Pipeline:
    """The evaluation omits its last batch."""
    size = int(pipeline.args.get("per_device_eval_batch_size", _EVAL_BATCH))
    if len(tokenized(pipeline, "evaluation")) % size == 0:
        msg = "every evaluation batch is full"
        raise NotApplicable(msg)
    changed = with_args(pipeline, dataloader_drop_last=True)
    return with_patch(changed, _without_last, "pytest_ftcheck.training.batches:make_eval_loader")


def _without_last(original: Any, *args: Any) -> Any:
    loader = original(*args)
    return DataLoader(loader.dataset, batch_size=loader.batch_size, collate_fn=loader.collate_fn, drop_last=True)


@fault(
    caught_by=("training.resume", "equivalence.resumed"),
    engines=("trainer",),
    seen_in_practice="Only the weights are saved (save_only_model), and training continues with an optimizer whose "
    "moments are zero.",
)
def resumed_without_optimizer(pipeline: Pipeline) -> Pipeline:
    """A resumed training starts with a new optimizer."""
    return with_patch(pipeline, nothing, "torch.optim:Optimizer.load_state_dict")


@fault(
    caught_by=("training.resume",),
    engines=("trainer",),
    seen_in_practice="The checkpoint of a custom loop holds only model and optimizer: after resuming, the warm-up "
    "starts again.",
)
def resumed_without_scheduler(pipeline: Pipeline) -> Pipeline:
    """A resumed training starts its learning rate schedule from the beginning."""
    return with_patch(
        pipeline,
        nothing,
        "torch.optim.lr_scheduler:LRScheduler.load_state_dict",
        "torch.optim.lr_scheduler:LambdaLR.load_state_dict",
    )


@fault(
    caught_by=("training.resume",),
    engines=("trainer",),
    seen_in_practice="The checkpoint does not hold the random state, so that dropout and the order of rows differ from "
    "an uninterrupted run.",
)
def resumed_without_random_state(pipeline: Pipeline) -> Pipeline:
    """A resumed training draws other random numbers than an uninterrupted training."""
    return with_patch(pipeline, nothing, LOADS_RANDOM_STATE)


@fault(
    caught_by=("training.stopped", "training.steps"),
    whole_run=True,
    engines=("trainer",),
    seen_in_practice="Custom early stopping compares the loss with its best value, and treats a greater loss as "
    "better.",
)
def stopped_while_it_improves(pipeline: Pipeline) -> Pipeline:
    """Training is stopped at the second evaluation, although the loss has fallen."""
    slow = 0.6 * float(pipeline.args.get("learning_rate", 5e-5))
    longer = with_args(pipeline, num_train_epochs=_MANY_EPOCHS, learning_rate=slow, eval_strategy="epoch")
    return with_patch(longer, _stop, "transformers.trainer_callback:CallbackHandler.on_evaluate")


def _stop(original: Any, handler: Any, args: Any, state: Any, control: Any, *others: Any, **kwargs: Any) -> Any:
    control = original(handler, args, state, control, *others, **kwargs)
    control.should_training_stop |= (state.epoch or 0) >= 2  # the second epoch
    return control
