"""A user's ``compute_metrics`` as a function of all logits and label ids of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from transformers import EvalPrediction

if TYPE_CHECKING:
    from collections.abc import Callable

    Metrics = Callable[[EvalPrediction], dict[str, float]]


def metrics_of_logits(trainer: Any) -> Metrics:
    """Return what a Trainer's logits go through on their way to its metrics.

    Args:
        trainer: has a ``compute_metrics``.

    """
    compute = cast("Metrics", trainer.compute_metrics)
    if trainer.args.batch_eval_metrics:
        compute = BatchedMetrics(compute, trainer.args.eval_batch_size)
    prepare = trainer.preprocess_logits_for_metrics
    return PreparedMetrics(prepare, compute) if prepare else compute


@dataclass(frozen=True)
class PreparedMetrics:
    """A ``compute_metrics`` behind its ``preprocess_logits_for_metrics``: logits in, metrics out."""

    prepare: Callable[[Any, Any], Any]
    compute: Metrics

    def __call__(self, evaluated: EvalPrediction) -> dict[str, float]:
        """Prepare the logits as the Trainer does, then compute."""
        logits, labels = torch.as_tensor(evaluated.predictions), torch.as_tensor(evaluated.label_ids)
        prepared = self.prepare(logits, labels)
        arrays = tuple(map(_array, prepared)) if isinstance(prepared, (tuple, list)) else _array(prepared)
        return self.compute(EvalPrediction(predictions=arrays, label_ids=evaluated.label_ids))


@dataclass(frozen=True)
class BatchedMetrics:
    """A ``compute_metrics`` that takes batch after batch (``batch_eval_metrics``), and answers after the last one."""

    compute: Callable[..., dict[str, float]]
    size: int
    """Rows of a batch."""

    def __call__(self, evaluated: EvalPrediction) -> dict[str, float]:
        """Hand over the batches as the Trainer does: as tensors, in order."""
        labels, found = torch.as_tensor(evaluated.label_ids), {}
        for start in range(0, len(labels), self.size):
            rows = slice(start, start + self.size)
            batch: Any = EvalPrediction(predictions=_part(evaluated.predictions, rows), label_ids=labels[rows])  # type: ignore[arg-type]  # tensors, as the Trainer gives them
            found = self.compute(batch, compute_result=rows.stop >= len(labels))
        return found


def _part(predictions: Any, rows: slice) -> Any:
    if isinstance(predictions, (tuple, list)):
        return tuple(_part(each, rows) for each in predictions)
    return torch.as_tensor(predictions)[rows]


def _array(value: Any) -> Any:
    return value.cpu().numpy() if hasattr(value, "cpu") else value
