"""The ``trainer`` engine: `transformers.Trainer`, used as in a script."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from transformers import EvalPrediction, PrinterCallback, Trainer, TrainerCallback, set_seed

from pytest_ftcheck.columns import POSITION_NAMES
from pytest_ftcheck.heads.arrays import side_by_side
from pytest_ftcheck.heads.traits import POSITIONS
from pytest_ftcheck.pipeline.forward import logits_in
from pytest_ftcheck.pipeline.trainer_metrics import answers_questions
from pytest_ftcheck.pipeline.trainer_rows import judged_rows, judged_set, unjudged_sets
from pytest_ftcheck.training.engine import Outcome, Stopwatch, save
from pytest_ftcheck.training.evaluation import with_outputs
from pytest_ftcheck.training.kept_weights import kept_by_reference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor
    from transformers import TrainerControl, TrainerState, TrainingArguments
    from transformers.modeling_outputs import SequenceClassifierOutput
    from transformers.trainer_utils import PredictionOutput

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.training.recorder import StepRecorder


def train(
    pipeline: Pipeline, args: TrainingArguments, recorder: StepRecorder, trainer: Trainer | None = None
) -> Outcome:
    """Fine-tune with the Trainer, and evaluate the weights that it kept."""
    # The type hints of transformers allow any model and data, or None.
    made: Any = trainer or make_trainer(pipeline, args)
    _record(made, recorder)
    clock = Stopwatch()
    if pipeline.trains:
        made.train(resume_from_checkpoint=str(pipeline.resume_from) if pipeline.resume_from else None)
    else:
        recorder.tracer.watch(made.model)
    train_seconds = clock.lap()
    history, prefix = list(made.state.log_history), _prefix(made)
    # Evaluate as a user's script does after training, so that the metrics are those that the user sees.
    reported = {} if trainer is None or pipeline.compute_metrics is None else made.evaluate()
    # With group_by_length, the Trainer would also reorder the evaluation rows and their outputs.
    made.args.train_sampling_strategy = "random"
    predicted = _predict(made, pipeline, as_given=trainer is not None)
    read = side_by_side if POSITIONS in pipeline.card.head_rules.traits else _first
    logits, label_ids = read(predicted.predictions), read(predicted.label_ids)
    metrics = _metrics(predicted.metrics or {}) | _metrics(reported or {}, prefix=prefix)
    if trainer is not None and made.compute_metrics is None and pipeline.compute_metrics is not None:
        metrics |= pipeline.compute_metrics(EvalPrediction(predictions=logits, label_ids=label_ids))
    return Outcome(
        model=made.accelerator.unwrap_model(made.model),
        epochs=tuple(
            _metrics(entry, ("epoch", "step"), prefix=prefix)
            for entry in (_evaluations(history, prefix) if pipeline.trains else ())
        ),
        best_epoch=_best_epoch(made),
        log_history=tuple(history),
        logits=logits,
        label_ids=label_ids,
        metrics=metrics,
        timings={"train": train_seconds, "predict": clock.lap()},
        unjudged={name: _metrics(reported or {}, prefix=f"eval_{name}_") for name in unjudged_sets(made)},
        # A user's Trainer saves in its own way; for a card, training_args.bin is left out, because it is a pickle.
        save=lambda folder: (
            made.save_model(str(folder)) if trainer else save(made.model, pipeline.processing_class, folder)
        ),
    )


def make_trainer(pipeline: Pipeline, args: TrainingArguments) -> Trainer:
    """Make the Trainer of a card's pipeline."""
    set_seed(args.seed)
    trainer = Trainer(
        model=pipeline.model_init(),
        args=args,
        data_collator=cast("Any", pipeline.data_collator),
        train_dataset=pipeline.train_dataset,
        eval_dataset=pipeline.eval_dataset,
        processing_class=pipeline.processing_class,
        compute_metrics=pipeline.compute_metrics,
        preprocess_logits_for_metrics=_what_is_kept(pipeline),
        compute_loss_func=mean_over_rows(pipeline, args.label_smoothing_factor)
        if args.gradient_accumulation_steps > 1
        else None,
    )
    if args.gradient_accumulation_steps > 1 and len(pipeline.label_columns) > 1:
        _count_rows(trainer)
    trainer.remove_callback(PrinterCallback)
    return trainer


def _count_rows(trainer: Any) -> None:
    """Make the Trainer count the rows of an optimizer step whose labels are positions, which it ignores."""
    get_batch_samples = trainer.get_batch_samples

    def counted(*args: Any, **kwargs: Any) -> Any:
        batches, _ = get_batch_samples(*args, **kwargs)
        return batches, sum(len(batch[POSITION_NAMES[0]]) for batch in batches)

    trainer.get_batch_samples = counted


def _what_is_kept(pipeline: Pipeline) -> Any:
    """Return the function that replaces the logits of a batch in an evaluation; None where all logits are stored."""
    kept = pipeline.card.head_rules.kept
    return None if kept is None else lambda logits, labels: kept.of_batch(_first(logits), labels)


def _predict(trainer: Any, pipeline: Pipeline, *, as_given: bool) -> PredictionOutput:
    """Predict every evaluation row in order; ``as_given``: return the model's logits without a user's preprocessing."""
    rows = judged_rows(trainer)
    if not as_given:
        return cast("PredictionOutput", trainer.predict(rows, metric_key_prefix="eval"))
    kept = trainer.preprocess_logits_for_metrics, trainer.compute_metrics
    trainer.preprocess_logits_for_metrics, trainer.compute_metrics = _what_is_kept(pipeline), None
    try:
        # The predict method of run_qa.py also needs the raw rows, and returns answers.
        predict = trainer.predict if not answers_questions(trainer) else partial(Trainer.predict, trainer)
        return cast("PredictionOutput", predict(rows, metric_key_prefix="eval"))
    finally:
        trainer.preprocess_logits_for_metrics, trainer.compute_metrics = kept


def _first(arrays: Any) -> Any:
    """Return the first array of a tuple, which may also contain hidden states or further labels."""
    return arrays[0] if isinstance(arrays, (tuple, list)) else arrays


def mean_over_rows(pipeline: Pipeline, label_smoothing: float) -> Any:
    """Make a loss that is the mean over all rows of an optimizer step, for any split into micro-batches.

    BERT's sequence classification accepts ``num_items_in_batch`` and ignores it (transformers 5.23), so that
    the Trainer, which then divides nothing, would multiply the gradient by the number of micro-steps.
    """
    summed = partial(pipeline.card.head_rules.loss, reduction="sum", label_smoothing=label_smoothing)

    def loss(outputs: SequenceClassifierOutput, labels: Tensor | None, num_items_in_batch: Any) -> Any:
        if labels is None:  # positions, which the Trainer leaves to the model
            rows = len(logits_in(outputs))
            weight = 1.0 if num_items_in_batch is None else rows / num_items_in_batch
            mean: Tensor = cast("Any", outputs)["loss"]
            return mean.mul(weight)
        return summed(outputs["logits"], labels).div(num_items_in_batch)

    return loss


class _Recording(TrainerCallback):
    """Reports starts of the run and of epochs, and finished optimizer steps, to the recorder."""

    def __init__(self, trainer: Any, recorder: StepRecorder) -> None:
        self._trainer = trainer
        self._recorder = recorder
        self._may_keep_weights = False
        """True if an epoch or an evaluation has ended since the last search for kept weights."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Store the length of the run."""
        del control
        self._recorder.tracer.watch(cast("Any", kwargs["model"]))
        self._recorder.tracer.scheduled_by(kwargs["lr_scheduler"])
        epochs = state.num_train_epochs if args.max_steps > 0 else args.num_train_epochs
        self._recorder.begin(state.max_steps, float(epochs))

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Start a pass over the rows."""
        del args, control, kwargs
        self._recorder.tracer.begin_epoch()
        self._may_keep_weights |= state.global_step > 0

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Note that a callback may have kept weights."""
        del args, state, control, kwargs
        self._may_keep_weights = True

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Finish the optimizer step."""
        del control, kwargs
        if self._may_keep_weights:
            self._may_keep_weights = False
            self._recorder.tracer.kept_by_reference |= dict.fromkeys(kept_by_reference(self._trainer))
        rows = state.global_step * args.train_batch_size * args.gradient_accumulation_steps
        self._recorder.optimizer_step(float(state.epoch or 0), rows)


def _record(trainer: Any, recorder: StepRecorder) -> None:
    """Record every batch and loss before the Trainer's log filters or averages them."""
    trainer.add_callback(_Recording(trainer, recorder))
    training_step, prediction_step = trainer.training_step, trainer.prediction_step
    evaluation_loop, compute_loss = trainer.evaluation_loop, trainer.compute_loss

    def trained(model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Tensor:
        recorder.tracer.train_batch(inputs)
        loss = training_step(model, inputs, *args, **kwargs)
        recorder.micro_step(loss)
        return cast("Tensor", loss)

    def predicted(model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        recorder.tracer.eval_batch(inputs)
        return prediction_step(model, inputs, *args, **kwargs)

    def evaluated(*args: Any, **kwargs: Any) -> Any:
        with recorder.tracer.evaluating():
            return evaluation_loop(*args, **kwargs)

    def lost(*args: Any, **kwargs: Any) -> Any:
        returned = compute_loss(*args, **kwargs)
        return with_outputs(returned, recorder.subject) if kwargs.get("return_outputs") else returned

    # Set on the instance, so that the hooks work with any subclass.
    trainer.compute_loss = lost
    trainer.training_step = trained
    trainer.prediction_step = predicted
    trainer.evaluation_loop = evaluated


def _prefix(trainer: Any) -> str:
    """Return the prefix of the metrics of the judged evaluation set."""
    name = judged_set(trainer)
    return "eval_" if name is None else f"eval_{name}_"


def _evaluations(history: list[dict[str, float]], prefix: str) -> list[dict[str, float]]:
    """Return the evaluations during training, at most one per step."""
    found: dict[float, dict[str, float]] = {}
    for entry in history:
        if any(key.startswith(prefix) for key in entry):
            found.setdefault(entry["step"], entry)
    return list(found.values())


def _metrics(entry: Mapping[str, Any], also: tuple[str, ...] = (), *, prefix: str = "eval_") -> dict[str, float]:
    """Return the evaluation's metrics without prefix, and without the Trainer's timings."""
    timings = ("_runtime", "_samples_per_second", "_steps_per_second", "_model_preparation_time")
    metrics = {key.removeprefix(prefix): value for key, value in entry.items() if not key.endswith(timings)}
    wanted = {key: value for key, value in metrics.items() if f"{prefix}{key}" in entry or key in also}
    # A user's compute_metrics may also return reports and arrays.
    return {key: float(value) for key, value in wanted.items() if isinstance(value, (int, float, np.number))}


def _best_epoch(trainer: Trainer) -> int | None:
    """Return the number of the evaluation whose weights were loaded at the end; None if the last weights were kept.

    The Trainer loads the best checkpoint: if the best evaluation was not saved, an earlier one, or none.
    """
    if not trainer.args.load_best_model_at_end:
        return None
    step = str(trainer.state.best_model_checkpoint).rpartition("-")[2]
    steps = [entry["step"] for entry in _evaluations(trainer.state.log_history, _prefix(trainer))]
    return steps.index(int(step)) + 1 if step.isdigit() and int(step) in steps else None
