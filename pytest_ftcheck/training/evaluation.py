"""Evaluation of the manual engine, and the choice of the epoch whose weights are kept."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import EvalPrediction

from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.heads.arrays import joined
from pytest_ftcheck.heads.traits import IGNORED
from pytest_ftcheck.pipeline.forward import labels_in, logits_in
from pytest_ftcheck.pipeline.trainer_metrics import PreparedMetrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelerate import Accelerator
    from numpy.typing import NDArray
    from torch import Tensor, nn
    from transformers import TrainingArguments

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.training.tracer import Tracer

_NUMBERS = (int, float, np.number)


@torch.no_grad()
def evaluate(  # noqa: PLR0917 - each argument is a part of the loop
    accelerator: Accelerator,
    model: nn.Module,
    loader: Any,
    pipeline: Pipeline,
    compute_loss: Callable[..., Any],
    tracer: Tracer,
) -> tuple[dict[str, float], NDArray[np.float32], NDArray[Any]]:
    """Evaluate every row in order.

    Returns:
        The metrics with ``loss``, the logits ``[N, K]`` and the label ids ``[N]``.

    """
    model.eval()
    parts: list[tuple[NDArray[np.float32], NDArray[Any]]] = []
    total = 0.0
    kept, theirs = pipeline.card.head_rules.kept, _of_user(pipeline)
    with tracer.evaluating():
        for batch in loader:
            tracer.eval_batch(batch)
            own_labels = labels_in(batch)
            loss, output = with_outputs(compute_loss(model, dict(batch), return_outputs=True), pipeline.subject)
            scores = logits_in(output) if hasattr(output, "keys") else output[1]
            if theirs is not None:
                theirs.add(*accelerator.gather_for_metrics((scores.float(), own_labels)))
            scores = scores.float() if kept is None else kept.of_batch(scores, own_labels)
            logits, labels = accelerator.gather_for_metrics((scores, own_labels))
            parts.append((logits.cpu().numpy(), labels.cpu().numpy()))
            total += float(loss) * len(labels)
    logits, label_ids = (joined(column, IGNORED) for column in zip(*parts, strict=True))
    metrics: dict[str, float] = {"loss": total / len(label_ids)}
    if pipeline.compute_metrics is not None:
        evaluated = EvalPrediction(predictions=logits, label_ids=label_ids)
        values = pipeline.compute_metrics(evaluated) if theirs is None else theirs.metrics(label_ids)
        # A user's compute_metrics may also return reports and arrays.
        metrics |= {name: float(value) for name, value in dict[str, Any](values).items() if isinstance(value, _NUMBERS)}
    return metrics, logits, label_ids


def _of_user(pipeline: Pipeline) -> _UserMetrics | None:
    """Return the function for a user's metrics if a run does not store the logits from which they are computed."""
    own = pipeline.card.metric.path not in pipeline.card.head_rules.scoring.own_metrics
    compute = pipeline.compute_metrics
    return _UserMetrics(compute) if own and compute and pipeline.card.head_rules.kept is not None else None


class _UserMetrics:
    """A user's ``compute_metrics``, with the preprocessing of the logits of each batch."""

    def __init__(self, compute: Callable[[EvalPrediction], Mapping[str, Any]]) -> None:
        self._prepare: Callable[[Any, Any], Any] = compute.prepare if isinstance(compute, PreparedMetrics) else _logits
        self._compute = compute.compute if isinstance(compute, PreparedMetrics) else compute
        self._parts: list[NDArray[Any]] = []

    def add(self, logits: Tensor, labels: Tensor) -> None:
        """Add the logits ``[B, …]`` and labels of a batch."""
        self._parts.append(self._prepare(logits, labels).cpu().numpy())

    def metrics(self, label_ids: NDArray[Any]) -> Mapping[str, Any]:
        """Compute the metrics of all batches."""
        return self._compute(EvalPrediction(predictions=joined(self._parts, IGNORED), label_ids=label_ids))


def _logits(logits: Tensor, labels: Tensor) -> Tensor:
    del labels
    return logits


def with_outputs(returned: Any, subject: str) -> Any:
    """Return the result of ``compute_loss(…, return_outputs=True)`` if an evaluation can use it.

    Raises:
        CheckFailure: the output is only the logits: an evaluation treats them as a tuple that starts with the loss, so
            that each batch loses its first row.

    """
    if isinstance(returned, tuple) and isinstance(returned[-1], torch.Tensor):
        finding = Finding(
            check="model.logits_shape",
            subject=subject,
            expected="compute_loss(…, return_outputs=True) to return the loss and the model's output",
            observed=f"the loss and a tensor of shape {tuple(returned[-1].shape)}",
            hint="return (loss, outputs), not (loss, outputs.logits): an evaluation removes the first entry of the "
            "outputs, which is the loss. For a tensor, that is the first row of each batch.",
        )
        raise CheckFailure([finding])
    return returned


class BestEpoch:
    """Stores every epoch's metrics, and the weights of the best epoch if the recipe keeps the best."""

    def __init__(self, args: TrainingArguments, metric: str) -> None:
        self.epochs: list[Mapping[str, float]] = []
        self.best: int | None = None
        self._keeps = args.load_best_model_at_end
        self._metric = metric
        self._sign = 1.0 if args.greater_is_better else -1.0
        self._best_value = -math.inf
        self._weights: dict[str, Tensor] = {}

    def offer(self, model: nn.Module, metrics: Mapping[str, float]) -> None:
        """Add an epoch; keep a copy of its weights if it is the best so far."""
        self.epochs.append(metrics)
        # Of equal epochs the first is kept, as in the Trainer; NaN is never better.
        if self._keeps and self._sign * metrics[self._metric] > self._best_value:
            self._best_value = self._sign * metrics[self._metric]
            self.best = len(self.epochs)
            self._weights = {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}

    def restore(self, model: nn.Module) -> None:
        """Restore the best epoch's weights."""
        if self._weights:
            model.load_state_dict(self._weights)
