"""The ``trainer`` engine: `transformers.Trainer`, as users run it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, set_seed

from pytest_ftcheck.training.engine import Outcome, Stopwatch

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import TrainerControl, TrainerState, TrainingArguments
    from transformers.modeling_outputs import SequenceClassifierOutput

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.training.recorder import StepRecorder


def train(pipeline: Pipeline, args: TrainingArguments, recorder: StepRecorder) -> Outcome:
    """Fine-tune with the Trainer, evaluate the weights that it kept."""
    set_seed(args.seed)
    trainer = Trainer(
        model=pipeline.model_init(),
        args=args,
        data_collator=cast("Any", pipeline.data_collator),
        train_dataset=pipeline.train_dataset,
        eval_dataset=pipeline.eval_dataset,
        processing_class=pipeline.processing_class,
        compute_metrics=pipeline.compute_metrics,
        compute_loss_func=mean_over_rows(pipeline) if args.gradient_accumulation_steps > 1 else None,
        callbacks=[_Recording(recorder)],
    )
    trainer.remove_callback(PrinterCallback)
    _record_micro_steps(trainer, recorder)
    clock = Stopwatch()
    trainer.train()
    train_seconds = clock.lap()
    # Grouped by length, the Trainer would evaluate and hand back its rows in that order.
    trainer.args.train_sampling_strategy = "random"
    predicted = trainer.predict(pipeline.eval_dataset, metric_key_prefix="eval")
    history = trainer.state.log_history
    return Outcome(
        model=trainer.accelerator.unwrap_model(trainer.model),
        epochs=tuple(_metrics(entry, ("epoch", "step")) for entry in history if "eval_loss" in entry),
        best_epoch=_best_epoch(trainer),
        log_history=tuple(history),
        logits=cast("Any", predicted.predictions),
        label_ids=cast("Any", predicted.label_ids),
        metrics=_metrics(predicted.metrics or {}),
        timings={"train": train_seconds, "predict": clock.lap()},
    )


def mean_over_rows(pipeline: Pipeline) -> Any:
    """Make a loss that is the mean over all rows of an optimizer step, however its micro-batches are cut.

    BERT's sequence classification accepts ``num_items_in_batch`` and ignores it (transformers 5.23), so that
    the Trainer, which then divides nothing, would multiply the gradient by the number of micro-steps.
    """
    regression = pipeline.card.head == "regression"

    def loss(outputs: SequenceClassifierOutput, labels: Tensor, num_items_in_batch: Tensor | int) -> Tensor:
        logits = outputs["logits"]
        if regression:
            return torch.nn.functional.mse_loss(logits.squeeze(-1), labels, reduction="sum") / num_items_in_batch
        return torch.nn.functional.cross_entropy(logits, labels, reduction="sum") / num_items_in_batch

    return loss


class _Recording(TrainerCallback):
    """Tells the recorder when the run starts and when an optimizer step is done."""

    def __init__(self, recorder: StepRecorder) -> None:
        self._recorder = recorder

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Note the length of the run."""
        del control, kwargs
        epochs = state.num_train_epochs if args.max_steps > 0 else args.num_train_epochs
        self._recorder.begin(state.max_steps, float(epochs))

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Close the optimizer step."""
        del control, kwargs
        rows = state.global_step * args.train_batch_size * args.gradient_accumulation_steps
        self._recorder.optimizer_step(float(state.epoch or 0), rows)


def _record_micro_steps(trainer: Trainer, recorder: StepRecorder) -> None:
    """See every loss as ``training_step`` returns it, before the Trainer's log filters or averages it."""
    training_step = trainer.training_step

    def recorded(*args: Any, **kwargs: Any) -> Tensor:
        loss = training_step(*args, **kwargs)
        recorder.micro_step(loss)
        return loss

    trainer.training_step = recorded  # type: ignore[method-assign]  # the hook works on any subclass


def _metrics(entry: dict[str, float], also: tuple[str, ...] = ()) -> dict[str, float]:
    """Take the evaluation's metrics without prefix, and without the Trainer's timings."""
    timings = ("eval_runtime", "eval_samples_per_second", "eval_steps_per_second", "eval_model_preparation_time")
    metrics = {key.removeprefix("eval_"): value for key, value in entry.items() if key not in timings}
    return {key: float(value) for key, value in metrics.items() if f"eval_{key}" in entry or key in also}


def _best_epoch(trainer: Trainer) -> int | None:
    if not trainer.args.load_best_model_at_end or trainer.state.best_global_step is None:
        return None
    steps = [entry["step"] for entry in trainer.state.log_history if "eval_loss" in entry]
    return steps.index(trainer.state.best_global_step) + 1
