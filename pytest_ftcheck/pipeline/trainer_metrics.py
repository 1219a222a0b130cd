"""A user's ``compute_metrics`` as a function of all logits and label ids of an evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch.utils.data import Subset
from transformers import EvalPrediction

from pytest_ftcheck.heads.registry import head_named
from pytest_ftcheck.heads.traits import POSITIONS
from pytest_ftcheck.pipeline.trainer_rows import judged_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.heads.head import Head

    Metrics = Callable[[EvalPrediction], dict[str, float]]


def metrics_of_logits(trainer: Any, head: str, *, compute: Metrics | None = None, windows: Any = None) -> Metrics:
    """Return the function that computes a Trainer's metrics from logits as the model returns them.

    Args:
        trainer: a Trainer with a ``compute_metrics``.
        head: name of the head of its model.
        compute: takes the place of ``compute_metrics``.
        windows: take the place of the evaluation rows where the Trainer makes answers of windows.

    """
    compute = compute or cast("Metrics", trainer.compute_metrics)
    if answers_questions(trainer):
        compute = MetricsOfAnswers(compute, trainer, judged_rows(trainer) if windows is None else windows)
    if trainer.args.batch_eval_metrics:
        compute = BatchedMetrics(compute, trainer.args.eval_batch_size)
    if trainer.preprocess_logits_for_metrics:
        compute = PreparedMetrics(trainer.preprocess_logits_for_metrics, compute)
    if POSITIONS in head_named(head).traits:
        compute = MetricsOfEnds(compute)
    elif _hands_on_more(trainer):
        compute = MetricsOfOutputs(compute)
    return MetricsOfMore(compute, trainer, head) if trainer.args.include_for_metrics else compute


def numbers_in(computed: Mapping[Any, Any]) -> dict[str, float]:
    """Return the numbers of the result of a ``compute_metrics``, by name; infinite ones are none."""
    return {str(key): float(value) for key, value in computed.items() if _is_number(value)}


def _is_number(value: Any) -> bool:
    try:
        return not math.isinf(float(value))
    except (TypeError, ValueError):
        return False


def answers_questions(trainer: Any) -> bool:
    """Whether a Trainer converts logits to answers before it computes metrics, as run_qa.py of transformers does."""
    return callable(getattr(trainer, "post_process_function", None)) and hasattr(trainer, "eval_examples")


def _hands_on_more(trainer: Any) -> bool:
    """Whether the Trainer passes more of the model's outputs than the logits to its metrics, in a tuple."""
    config = trainer.model.config
    if any(getattr(config, name, False) for name in ("output_hidden_states", "output_attentions")):
        return True
    if type(trainer.model).__module__.startswith("transformers."):
        return False
    return len(_outputs(trainer)) > 1


def _outputs(trainer: Any) -> tuple[Any, ...]:
    """Return the outputs for one row that the Trainer passes to its metrics; empty where they are unknown."""
    model, was_training = trainer.model, trainer.model.training
    try:
        row: Any = Subset(judged_rows(trainer), [0])
        batch = next(iter(trainer.get_eval_dataloader(row)))
        with torch.no_grad():
            outputs = model.eval()(**batch)
    except Exception:  # noqa: BLE001 - what fails here fails in the evaluation, too, and is named there
        return ()
    finally:
        model.train(was_training)
    if isinstance(outputs, Mapping):
        ignored = {"loss", *getattr(model.config, "keys_to_ignore_at_inference", ())}
        return tuple(value for name, value in outputs.items() if name not in ignored)
    return tuple(outputs[1:]) if isinstance(outputs, tuple) else ()


@dataclass(frozen=True)
class MetricsOfOutputs:
    """A ``compute_metrics`` that gets a tuple with the logits first, because the model returns more outputs."""

    compute: Metrics

    def __call__(self, evaluated: EvalPrediction) -> dict[str, float]:
        """Put the logits into a tuple, together with one number a row."""
        outputs: Any = (evaluated.predictions, np.zeros((len(evaluated.predictions), 1), np.float32))
        return self.compute(EvalPrediction(outputs, evaluated.label_ids))


@dataclass(frozen=True)
class MetricsOfEnds:
    """A ``compute_metrics`` that gets start and end as two arrays, as a Trainer passes them."""

    compute: Metrics

    def __call__(self, evaluated: EvalPrediction) -> dict[str, float]:
        """Split logits ``[N, T, 2]`` and label ids ``[N, 2]``."""
        logits, labels = np.asarray(evaluated.predictions), np.asarray(evaluated.label_ids)
        more = {name: value for name in ("inputs", "losses") if (value := getattr(evaluated, name, None)) is not None}
        # A Trainer passes contiguous arrays.
        ends = [tuple(np.ascontiguousarray(array[..., end]) for end in range(2)) for array in (logits, labels)]
        return self.compute(EvalPrediction(*cast("Any", ends), **more))


@dataclass(frozen=True)
class MetricsOfAnswers:
    """A ``compute_metrics`` of the answers that the Trainer's ``post_process_function`` makes from the logits."""

    compute: Metrics
    trainer: Any
    windows: Any
    """The evaluated rows, as the Trainer has them."""

    def __call__(self, evaluated: EvalPrediction) -> dict[str, float]:
        """Make the answers, and compute the metrics."""
        trainer = self.trainer
        return self.compute(trainer.post_process_function(trainer.eval_examples, self.windows, evaluated.predictions))


@dataclass(frozen=True)
class MetricsOfMore:
    """A ``compute_metrics`` that also gets the inputs or losses of the evaluation (``include_for_metrics``).

    The losses are those of the logits; the Trainer's are means over its batches.
    """

    compute: Metrics
    trainer: Any
    head: str
    """Its name."""

    def __call__(self, evaluated: EvalPrediction) -> dict[str, float]:
        """Pass the inputs of the rows, and a loss for each row."""
        wanted, more = self.trainer.args.include_for_metrics, {}
        if "inputs" in wanted:
            more["inputs"] = _main_inputs(self.trainer)
        if "loss" in wanted:
            more["losses"] = _losses(evaluated, head_named(self.head))
        return self.compute(EvalPrediction(evaluated.predictions, evaluated.label_ids, **more))


def _main_inputs(trainer: Any) -> Any:
    """Return the main input of the evaluated rows, ``[N, T]``, padded with -100 as the Trainer pads it."""
    name = getattr(trainer.model, "main_input_name", "input_ids")
    rows = [torch.as_tensor(row[name]) for row in judged_rows(trainer)]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-100).numpy()


def _losses(evaluated: EvalPrediction, head: Head) -> Any:
    """Return the head's loss of each row, ``[N]``."""
    predictions: Any = evaluated.predictions
    while isinstance(predictions, tuple):
        predictions = predictions[0]
    logits = head.outputs.normalised(np.asarray(predictions))
    labels = head.outputs.references(np.asarray(evaluated.label_ids))
    return head.loss(torch.as_tensor(logits).float(), torch.as_tensor(labels), reduction="none").numpy()


@dataclass(frozen=True)
class PreparedMetrics:
    """A ``compute_metrics`` after ``preprocess_logits_for_metrics``: takes logits, returns metrics."""

    prepare: Callable[[Any, Any], Any]
    compute: Metrics

    def __call__(self, evaluated: EvalPrediction) -> dict[str, float]:
        """Prepare the logits as the Trainer does, then compute the metrics."""
        labels = _part(evaluated.label_ids, slice(None))
        prepared = self.prepare(_part(evaluated.predictions, slice(None)), labels)
        arrays = tuple(map(_array, prepared)) if isinstance(prepared, (tuple, list)) else _array(prepared)
        return self.compute(EvalPrediction(predictions=arrays, label_ids=evaluated.label_ids))


@dataclass(frozen=True)
class BatchedMetrics:
    """A ``compute_metrics`` that is called for each batch (``batch_eval_metrics``); the last call returns metrics."""

    compute: Callable[..., dict[str, float]]
    size: int
    """Number of rows of a batch."""

    def __call__(self, evaluated: EvalPrediction) -> dict[str, float]:
        """Pass the batches as the Trainer does: as tensors, in order."""
        labels: Any = evaluated.label_ids
        total, found = len(labels[0] if isinstance(labels, tuple) else labels), dict[str, float]()
        for start in range(0, total, self.size):
            rows = slice(start, start + self.size)
            batch: Any = EvalPrediction(_part(evaluated.predictions, rows), _part(labels, rows))
            found = self.compute(batch, compute_result=rows.stop >= total)
        return found


def _part(predictions: Any, rows: slice) -> Any:
    """Return some rows of logits or labels, or of each array of a tuple, as tensors."""
    if isinstance(predictions, (tuple, list)):
        return tuple(_part(each, rows) for each in predictions)
    return torch.as_tensor(predictions)[rows]


def _array(value: Any) -> Any:
    return value.cpu().numpy() if hasattr(value, "cpu") else value
