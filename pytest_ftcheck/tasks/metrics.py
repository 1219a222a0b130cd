"""The metrics of a task: names, directions, and what turns logits into predictions. No network.

``evaluate.load("glue", "mrpc")`` fetches a script from the Hub and runs it. `load_metric` gives the same
metric from this package instead: the same names, compute arguments and results (see `metric_classes`).

This module is cheap to import: a card's metric names and directions are checked without ``evaluate``, whose
import takes seconds (it pulls in ``transformers.pipelines``) and happens in the first `load_metric`.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pytest_ftcheck.errors import TaskError, unknown
from pytest_ftcheck.heads.arrays import floats, side_by_side, to_array
from pytest_ftcheck.heads.registry import head_named
from pytest_ftcheck.heads.row_metrics import metric_value
from pytest_ftcheck.heads.rows import EvaluatedRows

if TYPE_CHECKING:
    from collections.abc import Callable

    import evaluate
    from datasets import Dataset
    from numpy.typing import NDArray
    from transformers import EvalPrediction

    from pytest_ftcheck.heads.answer_rules import AnswerRules
    from pytest_ftcheck.tasks.card import TaskCard

_GLUE_KEYS: dict[str, tuple[str, ...]] = {
    "cola": ("matthews_correlation",),
    "hans": ("accuracy",),
    "mnli": ("accuracy",),
    "mnli_matched": ("accuracy",),
    "mnli_mismatched": ("accuracy",),
    "mrpc": ("accuracy", "f1"),
    "qnli": ("accuracy",),
    "qqp": ("accuracy", "f1"),
    "rte": ("accuracy",),
    "sst2": ("accuracy",),
    "stsb": ("pearson", "spearmanr"),
    "wnli": ("accuracy",),
}
# On the Hub too, each of these gives one value under its own name.
_PLAIN = ("accuracy", "f1", "matthews_correlation", "mse", "pearsonr", "precision", "recall", "spearmanr")
_KEYS: dict[str, dict[str, tuple[str, ...]]] = {"glue": _GLUE_KEYS} | {name: {"default": (name,)} for name in _PLAIN}

_ERRORS = ("loss", "error", "mse", "mae", "perplexity", "ece", "brier", "cost", "risk", "distance", "deviation")
"""Words in the names of metrics of which less is better."""
_MERITS = (
    *("acc", "f1", "f2", "precision", "recall", "auc", "auroc", "mcc", "matthews", "kappa", "pearson", "spearman"),
    *("correlation", "r2", "score", "exact_match", "ndcg", "mrr", "bleu", "rouge", "average_precision", "sensitivity"),
    *("specificity", "agreement", "explained", "jaccard", "iou", "dice"),
)
"""Words in the names of metrics of which more is better."""

_GREATER_IS_BETTER = {
    "accuracy": True,
    "f1": True,
    "loss": False,
    "matthews_correlation": True,
    "mse": False,
    "pearson": True,
    "pearsonr": True,
    "precision": True,
    "recall": True,
    "spearmanr": True,
}


def metric_names(path: str, config_name: str | None = None) -> tuple[str, ...]:
    """Return the keys that ``load_metric(path, config_name).compute(...)`` gives, in order.

    Raises:
        TaskError: an unknown path or configuration, with the closest match.

    """
    if path not in _KEYS:
        todo = "For another one, give a `compute_metrics` function of your own."
        raise TaskError(unknown("metric", path, _KEYS, todo))
    configs = _KEYS[path]
    config = config_name or "default"
    if config not in configs:
        raise TaskError(unknown(f"configuration of metric {path!r}:", config, configs))
    return configs[config]


def greater_is_better(name: str) -> bool:
    """Tell whether a higher value of this metric key is the better one.

    Raises:
        TaskError: a key whose direction is not known, with the closest match.

    """
    if name not in _GREATER_IS_BETTER:
        raise TaskError(unknown("metric key", name, _GREATER_IS_BETTER, "Its direction is not known."))
    return _GREATER_IS_BETTER[name]


def known_direction(name: str) -> bool:
    """Tell the direction of any key: of one whose name says nothing, higher is better."""
    return direction_of(name) is not False


def direction_of(name: str) -> bool | None:
    """Tell whether higher is better by the name of any key; None where the name says nothing."""
    if name in _GREATER_IS_BETTER:
        return _GREATER_IS_BETTER[name]
    plain = name.casefold()
    if any(word in plain for word in _ERRORS):
        return False
    return True if any(word in plain for word in _MERITS) else None


def load_metric(path: str, config_name: str | None = None) -> evaluate.Metric:
    """Load a metric like ``evaluate.load(path, config_name)``, but offline and without touching a disk.

    ``compute(predictions=, references=)``, ``add`` and ``add_batch`` take integers, lists, arrays and tensors
    of shape [N]: float32 for the regression metrics, int64 class ids for the others. Values come back as
    Python floats (an array [classes] under ``average=None``).

    Raises:
        TaskError: an unknown path or configuration, with the closest match.

    """
    metric_names(path, config_name)
    from pytest_ftcheck.tasks import metric_classes  # noqa: PLC0415 - `import evaluate` takes seconds

    # In memory and with an id of its own: two workers of pytest-xdist would else share one cache file.
    metric_class = metric_classes.CLASSES[path]
    return metric_class(config_name=config_name, keep_in_memory=True, experiment_id=uuid.uuid4().hex)


def predictions_from_logits(logits: Any, head: str) -> NDArray[Any]:
    """Turn logits into what a metric takes as predictions.

    Args:
        logits: an array or tensor: floats [N, K], K >= 2, of classes; [N, 1] or [N] of values. A tuple stands for its
            first element, as in `EvalPrediction.predictions`.
        head: name of the head.

    Returns:
        int64 [N], the class of the highest logit (the first of equals), `NO_CLASS` where a logit of the row
        is NaN or infinite. Or float64 [N], values as they are. Or what another head predicts.

    Raises:
        TaskError: an unknown head, or logits of another shape.

    """
    return head_named(head).outputs.predictions(floats(logits))


def compute_metrics_fn(metric: evaluate.Metric, head: str) -> Callable[[EvalPrediction], dict[str, float]]:
    """Make what a `Trainer` takes as ``compute_metrics``: logits and label ids in, a float for each key out.

    One NaN or infinite logit makes every value NaN: a broken model must not pass on its healthy rows.

    Args:
        metric: of `load_metric`, or any other ``evaluate.Metric`` that takes predictions and references.
        head: name of the head, see `predictions_from_logits`.

    Raises:
        TaskError: an unknown head, at once; from the function: no labels, logits of another shape, no rows.

    """
    head_named(head)  # now, and not when the first evaluation asks

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
    """Return the keys of any metric; of one that is not ours, by scoring the labels against themselves."""
    try:
        return metric_names(metric.name, metric.config_name)
    except TaskError:
        return tuple(metric.compute(predictions=labels, references=labels))


def metrics_of_card(
    card: TaskCard, windows: Dataset | None = None, questions: Dataset | None = None
) -> Callable[[EvalPrediction], dict[str, float]]:
    """Make the ``compute_metrics`` of a card: of the metric that it names, which may be one of its head alone.

    Args:
        card: names the metric.
        windows: the tokenized rows, where its head has `Head.answers`.
        questions: the raw rows, likewise.

    Raises:
        TaskError: no such metric; see `compute_metrics_fn`.

    """
    if card.metric.path in card.head_rules.scoring.own_metrics:
        if windows is not None and questions is not None and card.head_rules.answers is not None:
            return AnswerMetrics(card, windows, questions)
        return _own_metrics_fn(card)
    return compute_metrics_fn(load_metric(card.metric.path, card.metric.config_name), card.head)


def _own_metrics_fn(card: TaskCard) -> Callable[[EvalPrediction], dict[str, float]]:
    """Make a ``compute_metrics`` of a metric that only a head has; NaN where a logit is not finite."""

    def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
        labels = _references(evaluated.label_ids, card.head)
        rows = EvaluatedRows.of_logits(floats(evaluated.predictions), labels, card.head, card.label_names)
        return metrics_of_rows(card, rows)

    return compute_metrics


def metrics_of_rows(card: TaskCard, rows: EvaluatedRows) -> dict[str, float]:
    """Compute a metric that only the card's head has, by key; NaN where a logit is not finite."""
    scoring = card.head_rules.scoring
    metrics = {
        key: scoring.row_metric(key, rows) if rows.finite else None for key in scoring.own_metrics[card.metric.path]
    }
    return {key: float("nan") if metric is None else metric_value(metric) for key, metric in metrics.items()}


@dataclass(frozen=True)
class AnswerMetrics:
    """A ``compute_metrics`` of the answers of raw rows, for a head that has `Head.answers`."""

    card: TaskCard
    windows: Dataset
    """The N tokenized rows that are evaluated."""
    questions: Dataset
    """The raw rows that they were made of."""

    def __call__(self, evaluated: EvalPrediction) -> dict[str, float]:
        """Compute the card's metrics of logits ``[N, T, 2]``, or of a tuple of start and end logits."""
        answers = cast("AnswerRules", self.card.head_rules.answers)
        return metrics_of_rows(self.card, answers.evaluated(self.outputs(evaluated)))

    def outputs(self, evaluated: EvalPrediction) -> dict[str, NDArray[Any]]:
        """Return what `AnswerRules.outputs` does."""
        answers = cast("AnswerRules", self.card.head_rules.answers)
        logits, context = side_by_side(evaluated.predictions), self.card.text_columns[-1]
        return answers.outputs(logits, self.windows, self.questions, context, self.card.label_column)


def metric_directions(card: TaskCard) -> dict[str, bool]:
    """Return the keys that a card's metric gives, and whether greater is better.

    Raises:
        TaskError: no such metric.

    """
    own = card.head_rules.scoring.own_metrics
    if card.metric.path in own:
        return dict(own[card.metric.path])
    return {name: greater_is_better(name) for name in metric_names(card.metric.path, card.metric.config_name)}


def _references(label_ids: Any, head: str) -> NDArray[Any]:
    if label_ids is None or isinstance(label_ids, tuple):
        got = "none" if label_ids is None else f"{len(label_ids)} label columns"
        msg = f"a metric needs one column of labels, got {got}. Does the evaluation data set have 'label' or 'labels'?"
        raise TaskError(msg)
    return head_named(head).outputs.references(to_array(label_ids))
