"""Faults of the metrics that ``compute_metrics`` returns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.metrics import precision_score, r2_score, recall_score
from transformers import EvalPrediction

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.evaluation import overtrained
from pytest_ftcheck.faults.fault import FLOOR, fault
from pytest_ftcheck.faults.planting import last_linear, with_args, with_head, with_model
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW, VALUES
from pytest_ftcheck.tasks.metric_names import known_direction

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from pytest_ftcheck.pipeline.parts import Pipeline

Metrics = dict[str, float]


@dataclass(frozen=True)
class _ChangedInputs:
    """A ``compute_metrics`` that calls another with changed logits or labels."""

    own: Callable[[EvalPrediction], Metrics]
    change: Callable[[EvalPrediction], EvalPrediction]

    def __call__(self, evaluated: EvalPrediction) -> Metrics:
        return dict(self.own(self.change(evaluated)))


@dataclass(frozen=True)
class _ChangedResult:
    """A ``compute_metrics`` that changes the result of another."""

    own: Callable[[EvalPrediction], Metrics]
    change: Callable[[EvalPrediction, Metrics], Metrics]

    def __call__(self, evaluated: EvalPrediction) -> Metrics:
        return self.change(evaluated, dict(self.own(evaluated)))


def own_metrics(pipeline: Pipeline) -> Callable[[EvalPrediction], Metrics]:
    """Return the pipeline's ``compute_metrics``.

    Raises:
        NotApplicable: the pipeline has no ``compute_metrics``.

    """
    if pipeline.compute_metrics is None:
        msg = "the pipeline has no compute_metrics"
        raise NotApplicable(msg)
    return pipeline.compute_metrics


def _logits(evaluated: EvalPrediction) -> Any:
    predictions = evaluated.predictions
    return predictions[0] if isinstance(predictions, tuple) else predictions


@fault(
    whole_run=True,
    caught_by=("metrics.definition", "metrics.recomputed", FLOOR),
    seen_in_practice="np.argmax(logits[0], axis=-1) is right where logits is a tuple; where it is an array, the result "
    "is the first row's class, and numpy compares it with every label without a warning.",
)
def metric_over_the_wrong_axis(pipeline: Pipeline) -> Pipeline:
    """The metric uses the prediction of one row for all rows."""
    return replace(pipeline, compute_metrics=_ChangedInputs(own_metrics(pipeline), _first_row))


def _first_row(evaluated: EvalPrediction) -> EvalPrediction:
    logits = np.asarray(_logits(evaluated))
    return EvalPrediction(predictions=np.repeat(logits[:1], len(logits), axis=0), label_ids=evaluated.label_ids)


@fault(
    needs=(LABEL_PER_ROW,),
    whole_run=True,
    caught_by=("metrics.definition", "metrics.recomputed"),
    seen_in_practice="scikit-learn's functions take (y_true, y_pred), those of evaluate take predictions first: "
    "precision is reported as recall, while accuracy and F1 look right.",
)
def metric_arguments_swapped(pipeline: Pipeline) -> Pipeline:
    """Precision and recall, or r2, are computed with predictions and references swapped."""
    regression = pipeline.card.head_rules.values
    return replace(
        pipeline, compute_metrics=_ChangedResult(own_metrics(pipeline), _swapped_r2 if regression else _swapped)
    )


def _swapped(evaluated: EvalPrediction, metrics: Metrics) -> Metrics:
    predicted = np.asarray(_logits(evaluated)).argmax(axis=-1)
    average = "binary" if np.asarray(_logits(evaluated)).shape[-1] == 2 else "macro"  # two classes
    return metrics | {
        "precision": float(precision_score(predicted, evaluated.label_ids, average=average, zero_division=0)),
        "recall": float(recall_score(predicted, evaluated.label_ids, average=average, zero_division=0)),
    }


def _swapped_r2(evaluated: EvalPrediction, metrics: Metrics) -> Metrics:
    predicted = np.asarray(_logits(evaluated)).reshape(-1)
    return metrics | {"r2": float(r2_score(predicted, np.asarray(evaluated.label_ids).reshape(-1)))}


@fault(
    needs=(CLASSES, LABEL_PER_ROW),
    caught_by=("metrics.definition",),
    seen_in_practice="predictions = (logits[:, 1] > 0.5): the threshold of a probability is applied to a logit. The "
    "metrics of a confident model are the same with both, those of a less confident model are not.",
)
def metric_of_a_threshold_on_logits(pipeline: Pipeline) -> Pipeline:
    """The second of two classes is predicted where its logit exceeds 0.5."""
    if pipeline.card.num_labels != 2:  # two classes
        msg = "it applies only to tasks with two classes"
        raise NotApplicable(msg)
    return replace(pipeline, compute_metrics=_ChangedInputs(own_metrics(pipeline), _thresholded))


def _thresholded(evaluated: EvalPrediction) -> EvalPrediction:
    predicted = (np.asarray(_logits(evaluated))[:, 1] > 0.5).astype(int)  # the threshold
    return EvalPrediction(predictions=np.eye(2, dtype=np.float32)[predicted], label_ids=evaluated.label_ids)


@fault(
    whole_run=True,
    caught_by=("metrics.recomputed",),
    seen_in_practice="best_accuracy = max(best_accuracy, accuracy) is reported after every epoch, but the last weights "
    "are saved.",
)
def best_epoch_reported_as_last(pipeline: Pipeline) -> Pipeline:
    """The metrics are the best of all epochs so far; the weights are those of the last epoch."""
    changed = with_args(
        overtrained(pipeline), load_best_model_at_end=False, save_strategy="no", metric_for_best_model=None
    )
    return replace(changed, compute_metrics=_ChangedResult(own_metrics(pipeline), _BestSoFar()))


@dataclass
class _BestSoFar:
    best: Metrics = field(default_factory=dict)

    def __call__(self, evaluated: EvalPrediction, metrics: Metrics) -> Metrics:
        del evaluated
        for name, value in metrics.items():
            before = self.best.get(name, value)
            self.best[name] = max(before, value) if known_direction(name) else min(before, value)
        return dict(self.best)


@fault(
    caught_by=("metrics.keys",),
    seen_in_practice="The metric is called acc in the script, and accuracy in the code that reads it.",
)
def metric_renamed(pipeline: Pipeline) -> Pipeline:
    """A declared metric is reported under another name."""
    name = pipeline.card.metric_for_best_model
    changed = with_args(pipeline, metric_for_best_model="loss", greater_is_better=False)
    return replace(changed, compute_metrics=_ChangedResult(own_metrics(pipeline), partial(_renamed, name=name)))


def _renamed(evaluated: EvalPrediction, metrics: Metrics, name: str) -> Metrics:
    del evaluated
    return {f"{key}_score" if key == name else key: value for key, value in metrics.items()}


@fault(
    caught_by=("model.loss_at_start", "metrics.loss_agrees"),
    seen_in_practice="A custom loss has reduction='sum': gradient and logged loss grow with the batch size.",
)
def loss_summed(pipeline: Pipeline) -> Pipeline:
    """The loss is the sum over the batch, not the mean."""
    return with_model(pipeline, _sum_loss)


def _sum_loss(model: nn.Module) -> None:
    model.register_forward_hook(_summed)


def _summed(module: nn.Module, args: Any, output: Any) -> Any:
    del module, args
    if getattr(output, "loss", None) is not None:
        output.loss = output.loss * len(output.logits)
    return output


@fault(
    caught_by=("training.loss_extremes", "model.loss_at_start"),
    seen_in_practice="A custom loss is the log-probability of the label, without the minus sign.",
)
def loss_of_the_wrong_sign(pipeline: Pipeline) -> Pipeline:
    """The loss has the wrong sign, so that training makes the model worse."""
    return with_model(pipeline, _negate_loss)


def _negate_loss(model: nn.Module) -> None:
    model.register_forward_hook(_negated)


def _negated(module: nn.Module, args: Any, output: Any) -> Any:
    del module, args
    if getattr(output, "loss", None) is not None:
        output.loss = -output.loss
    return output


@fault(
    needs=(CLASSES, LABEL_PER_ROW),
    caught_by=("metrics.raw_logits",),
    seen_in_practice="The head ends with a softmax, and cross entropy applies softmax once more.",
)
def softmax_before_loss(pipeline: Pipeline) -> Pipeline:
    """The model returns probabilities as logits."""
    return with_head(pipeline, _end_with_softmax)


def _end_with_softmax(model: nn.Module) -> None:
    _, layer = last_linear(model)
    layer.register_forward_hook(_softmax)


def _softmax(module: nn.Module, args: Any, output: Tensor) -> Tensor:
    del module, args
    return torch.softmax(output, dim=-1)


@fault(
    needs=(VALUES, LABEL_PER_ROW),
    caught_by=("model.loss_rows", "model.loss_at_start"),
    seen_in_practice="mse_loss(logits, labels) with the shapes [B, 1] and [B] compares every prediction with every "
    "label; torch only warns.",
)
def labels_broadcast(pipeline: Pipeline) -> Pipeline:
    """A regression compares each prediction with the labels of all rows."""
    return with_model(pipeline, _broadcast_loss)


def _broadcast_loss(model: nn.Module) -> None:
    model.register_forward_hook(_broadcast, with_kwargs=True)


def _broadcast(module: nn.Module, args: Any, kwargs: dict[str, Any], output: Any) -> Any:
    del module, args
    if kwargs.get("labels") is not None:
        output.loss = (output.logits.reshape(-1, 1) - kwargs["labels"].reshape(1, -1)).square().mean()
    return output


@fault(
    needs=(VALUES, LABEL_PER_ROW),
    caught_by=("model.predictions", "metrics.beats_trivial"),
    seen_in_practice="Scores were once divided by five for training, and predictions multiplied by five; the division "
    "was removed, the multiplication was not.",
)
def scaled_back_twice(pipeline: Pipeline) -> Pipeline:
    """The predictions of a regression are scaled back in the evaluation, although the labels were never scaled."""
    return with_head(pipeline, _scale_back)


def _scale_back(model: nn.Module) -> None:
    _, layer = last_linear(model)
    layer.register_forward_hook(_times_five)


def _times_five(module: nn.Module, args: Any, output: Tensor) -> Tensor:
    del args
    return output if module.training or torch.is_grad_enabled() else output * 5
