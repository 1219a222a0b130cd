"""The metrics of a task: names, directions, and predictions from logits. No network access.

``evaluate.load("glue", "mrpc")`` downloads a script from the Hub and runs it. `load_metric` returns the same metric
from this package: with the same names, compute arguments and results (see `metric_classes`).

This module is fast to import: a card's metric names and directions are checked without ``evaluate``, whose import takes
seconds (it imports ``transformers.pipelines``) and happens in the first `load_metric`.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.heads.arrays import floats, side_by_side, to_array
from pytest_ftcheck.heads.own_metrics import own_metric
from pytest_ftcheck.heads.registry import head_named
from pytest_ftcheck.heads.row_metrics import metric_value
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.tasks.metric_names import KEYS, greater_is_better, metric_names

if TYPE_CHECKING:
    from collections.abc import Callable

    import evaluate
    from datasets import Dataset
    from numpy.typing import NDArray
    from transformers import EvalPrediction

    from pytest_ftcheck.heads.answer_rules import AnswerRules
    from pytest_ftcheck.heads.own_metrics import OwnMetric
    from pytest_ftcheck.tasks.card import TaskCard


def load_metric(path: str, config_name: str | None = None) -> evaluate.Metric:
    """Load a metric like ``evaluate.load(path, config_name)``, but offline and without writing files.

    ``compute(predictions=, references=)``, ``add`` and ``add_batch`` take integers, lists, arrays and tensors
    of shape [N]: float32 for the regression metrics, int64 class ids for the others. Values are Python floats (an array
    [classes] with ``average=None``).

    Raises:
        TaskError: an unknown path or configuration, with the closest match.

    """
    metric_names(path, config_name)
    from pytest_ftcheck.tasks import metric_classes  # noqa: PLC0415 - `import evaluate` takes seconds

    # In memory and with a unique id: otherwise two workers of pytest-xdist would share one cache file.
    metric_class = metric_classes.CLASSES[path]
    return metric_class(config_name=config_name, keep_in_memory=True, experiment_id=uuid.uuid4().hex)


def predictions_from_logits(logits: Any, head: str) -> NDArray[Any]:
    """Convert logits to predictions for a metric.

    Args:
        logits: an array or tensor of floats: [N, K], K >= 2, for classes; [N, 1] or [N] for values. Of a tuple, the
            first element is used, as in `EvalPrediction.predictions`.
        head: name of the head.

    Returns:
        For classes int64 [N], the class of the highest logit (the first of equal ones), `NO_CLASS` where a logit of the
        row is NaN or infinite. For values float64 [N], unchanged. Otherwise the predictions of the head.

    Raises:
        TaskError: the head is unknown, or the logits have another shape.

    """
    return head_named(head).outputs.predictions(floats(logits))


def compute_metrics_fn(metric: evaluate.Metric, head: str) -> Callable[[EvalPrediction], dict[str, float]]:
    """Make a ``compute_metrics`` for a `Trainer`: it takes logits and label ids, and returns a float for each key.

    One NaN or infinite logit makes every value NaN: a broken model must not pass because of its other rows.

    Args:
        metric: result of `load_metric`, or any other ``evaluate.Metric`` that takes predictions and references.
        head: name of the head, see `predictions_from_logits`.

    Raises:
        TaskError: the head is unknown. The returned function raises it if there are no labels or no rows, or the logits
            have another shape.

    """
    head_named(head)  # raise now instead of at the first evaluation

    def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
        labels = _references(evaluated.label_ids, head)
        predictions = predictions_from_logits(evaluated.predictions, head)
        if len(predictions) != len(labels):
            msg = f"{len(predictions)} rows of logits for {len(labels)} labels: a prediction is missing or repeated."
            raise TaskError(msg)
        if not np.isfinite(floats(evaluated.predictions)).all():
            return dict.fromkeys(_keys(metric, labels), float("nan"))
        result = cast("dict[str, Any]", metric.compute(predictions=predictions, references=labels))
        return {name: float(value) for name, value in result.items()}

    return compute_metrics


def _keys(metric: evaluate.Metric, labels: NDArray[Any]) -> tuple[str, ...]:
    """Return the keys of any metric; of a metric of another package, by scoring the labels as predictions."""
    try:
        return metric_names(metric.name, metric.config_name)
    except TaskError:
        return tuple(metric.compute(predictions=labels, references=labels))


def metrics_of_card(
    card: TaskCard, windows: Dataset | None = None, questions: Dataset | None = None
) -> Callable[[EvalPrediction], dict[str, float]]:
    """Make the ``compute_metrics`` of a card: its metric may be built-in, of its head, or of another package.

    Args:
        card: card with the metric.
        windows: the tokenized rows, if the head has `Head.answers`.
        questions: the raw rows, if the head has `Head.answers`.

    Raises:
        TaskError: no such metric; see `compute_metrics_fn`.

    """
    if (own := _own_metric(card)) is not None:
        return _of_logits(card, partial(_of_package, own))
    if card.metric.path in card.head_rules.scoring.own_metrics:
        if windows is not None and questions is not None and card.head_rules.answers is not None:
            return AnswerMetrics(card, windows, questions)
        return _of_logits(card, partial(metrics_of_rows, card))
    return compute_metrics_fn(load_metric(card.metric.path, card.metric.config_name), card.head)


def _own_metric(card: TaskCard) -> OwnMetric | None:
    """Return a card's metric of another package; built-in metrics and those of the head have precedence."""
    path = card.metric.path
    return None if path in KEYS or path in card.head_rules.scoring.own_metrics else own_metric(path)


def metrics_of_rows(card: TaskCard, rows: EvaluatedRows) -> dict[str, float]:
    """Compute a metric that only the card's head has, by key; NaN where a logit is not finite."""
    scoring = card.head_rules.scoring
    keys = dict.fromkeys([*scoring.own_metrics[card.metric.path], *card.metric.greater_is_better])
    metrics = {key: scoring.row_metric(key, rows) if rows.finite else None for key in keys}
    return {key: float("nan") if metric is None else metric_value(metric) for key, metric in metrics.items()}


def _of_package(metric: OwnMetric, rows: EvaluatedRows) -> dict[str, float]:
    """Compute a metric of another package; NaN where a logit is not finite."""
    return {metric.name: metric.value(rows) if rows.finite else float("nan")}


def _of_logits(
    card: TaskCard, compute: Callable[[EvaluatedRows], dict[str, float]]
) -> Callable[[EvalPrediction], dict[str, float]]:
    """Make a ``compute_metrics`` from a function of rows."""

    def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
        labels = _references(evaluated.label_ids, card.head)
        return compute(EvaluatedRows.of_logits(floats(evaluated.predictions), labels, card.head, card.label_names))

    return compute_metrics


@dataclass(frozen=True)
class AnswerMetrics:
    """A ``compute_metrics`` for the answers of raw rows, for a head with `Head.answers`."""

    card: TaskCard
    windows: Dataset
    """The N tokenized rows that are evaluated."""
    questions: Dataset
    """The raw rows from which they were made."""

    def __call__(self, evaluated: EvalPrediction) -> dict[str, float]:
        """Compute the card's metrics of logits ``[N, T, 2]``, or of a tuple of start and end logits."""
        answers = cast("AnswerRules", self.card.head_rules.answers)
        return metrics_of_rows(self.card, answers.evaluated(self.outputs(evaluated)))

    def outputs(self, evaluated: EvalPrediction) -> dict[str, NDArray[Any]]:
        """Return the result of `AnswerRules.outputs`."""
        answers = cast("AnswerRules", self.card.head_rules.answers)
        logits, context = side_by_side(evaluated.predictions), self.card.text_columns[-1]
        return answers.outputs(logits, self.windows, self.questions, context, self.card.label_column)


def metric_directions(card: TaskCard) -> dict[str, bool]:
    """Return the keys of a card's metric, and whether greater is better.

    A metric of a head also has keys of single labels, such as the F1 of one type of entity, if the card declares them.

    Raises:
        TaskError: no such metric.

    """
    own = card.head_rules.scoring.own_metrics
    if card.metric.path in own:
        declared = [key for key in card.metric.greater_is_better if _is_of_labels(card, key)]
        return dict.fromkeys(declared, True) | dict(own[card.metric.path])
    if (other := _own_metric(card)) is not None:
        return {other.name: other.greater_is_better}
    return {name: greater_is_better(name) for name in metric_names(card.metric.path, card.metric.config_name)}


def _is_of_labels(card: TaskCard, key: str) -> bool:
    """Return whether the head has a metric of this name, computed for one row of each label."""
    labels = card.head_rules.labels
    label_ids = labels.stacked([labels.made_up(row, card.num_labels) for row in range(card.num_labels)])
    rows = EvaluatedRows(label_ids, label_ids, None, card.head_rules, card.label_names)
    return card.head_rules.scoring.row_metric(key, rows) is not None


def _references(label_ids: Any, head: str) -> NDArray[Any]:
    if label_ids is None or isinstance(label_ids, tuple):
        got = "none" if label_ids is None else f"{len(label_ids)} label columns"
        msg = (
            f"a metric needs one column of labels, got {got}. Give the evaluation data set a column 'label' or "
            "'labels'."
        )
        raise TaskError(msg)
    return head_named(head).outputs.references(to_array(label_ids))
