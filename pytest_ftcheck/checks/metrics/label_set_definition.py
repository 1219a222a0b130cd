"""Checks with made-up logits whether metrics of label sets fit their names. Shapes: N rows, K labels."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import EvalPrediction

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding, warning
from pytest_ftcheck.checks.data.label_sets import label_sets
from pytest_ftcheck.checks.data.splits import splits
from pytest_ftcheck.gates.row_metrics import row_metric
from pytest_ftcheck.heads.row_metrics import metric_value
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.heads.traits import LABEL_SETS
from pytest_ftcheck.pipeline.forward import unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

    Answers = Iterator[tuple[str, NDArray[np.bool_]]]

_FEWEST = 20
"""Number of evaluated rows from which on different metrics have different values."""
_RIGHT = (0.9, 0.7, 0.5)
"""Fraction of the labels that each set of made-up logits predicts right."""
_HALF = 0.5
_OTHER_THRESHOLDS = tuple(step / 20 for step in range(1, 20) if step != 10)  # 0.05 to 0.95 but 0.5
_MOST_LABELS = 5
_MEASURES = ("f1", "precision", "recall")
_AVERAGES = ("micro", "macro", "weighted", "samples")
_ACCURACY = ("subset_accuracy", "label_accuracy")


@check(
    "metrics.label_threshold",
    cost="free",
    needs=(LABEL_SETS,),
    # Probability above which a label is predicted; `threshold` in the model's configuration is allowed, too.
    thresholds={"difference": 1e-4, "threshold": 0.5},
    catches="0.5 as the threshold of raw logits, argmax or the k highest instead of a threshold, a threshold that is "
    "not saved, micro for macro, the accuracy of single labels called accuracy",
    hint="look at compute_metrics: apply a sigmoid before the threshold (or logits > 0), take all labels above it, and "
    "the average of the metric's name; save another threshold as model.config.threshold.",
)
def label_threshold(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """``compute_metrics`` takes labels above a known threshold, and averages according to its names.

    The check calls it three times with the labels of the evaluation and made-up logits. F1, precision and recall, with
    or without an average in the name, and accuracy must be those at a probability of 0.5, of ``threshold``, or of
    ``threshold`` in the model's configuration. If all three calls give the values of a known mistake, the check fails.

    Assumes: a metric is a function of logits and labels.

    Unusual but healthy: a threshold for each label and metrics of the user's own are no known mistakes and pass. An
    accuracy of single labels only warns: it is high if most labels are rare.

    False alarms: none by chance: a mistake must give the same numbers three times.
    """
    rows = _questions(evidence)
    answers = [_answers(evidence, one) for one in rows]
    right = {_HALF, thresholds["threshold"], *_of_configuration(evidence)}
    found = []
    for key in answers[0]:
        values, names = [given.get(key, math.nan) for given in answers], _readings(key)
        if names and all(map(math.isfinite, values)):
            found += _judge(key, values, names, rows, right=right, difference=thresholds["difference"])
    return found


def _judge(
    key: str,
    values: list[float],
    names: tuple[str, ...],
    rows: list[EvaluatedRows],
    *,
    right: set[float],
    difference: float,
) -> list[Finding]:
    """Find the mistake behind a metric's values, if it is a known one."""

    def is_(name: str, answers: list[NDArray[np.bool_]]) -> bool:
        return all(
            abs(value - _value(name, one, given)) <= difference
            for value, one, given in zip(values, rows, answers, strict=True)
        )

    known = [[_probabilities(one) > threshold for one in rows] for threshold in sorted(right)]
    if any(is_(name, answers) for name in names for answers in known):
        return []
    expected = f"{key} of labels whose probability is above {' or '.join(f'{value:g}' for value in sorted(right))}: "
    expected += f"{_value(names[0], rows[0], known[0][0]):.4f} for made-up logits of {len(rows[0])} rows"
    others = _ACCURACY if names[0] in _ACCURACY else [f"{names[0].partition('_')[0]}_{name}" for name in _AVERAGES]
    for other in others:
        if any(is_(other, answers) for answers in known):
            observed = f"{values[0]:.4f}: it is {other}"
            if names[0] in _ACCURACY:
                return [warning(f"{expected} (other thresholds fail)", f"{observed}, of single labels", share=1.0)]
            return [finding(expected, observed)]
    mistakes = [dict(_mistakes(one)) for one in rows]
    for mistake in mistakes[0]:
        if any(is_(name, [made[mistake] for made in mistakes]) for name in names):
            return [finding(expected, f"{values[0]:.4f}: that of {mistake}")]
    return []


def _mistakes(rows: EvaluatedRows) -> Answers:
    """Yield known mistakes with the labels that they predict, ``[N, K]`` each."""
    logits = np.asarray(rows.logits)
    ranks = (-logits).argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    yield "0.5 as the threshold of raw logits, which is a probability of 0.62", logits > _HALF
    yield "argmax, one label for every row", ranks < 1
    for count in range(2, min(_MOST_LABELS, logits.shape[1]) + 1):
        yield f"the {count} highest logits of every row", ranks < count
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    yield "a softmax over the labels", weights / weights.sum(axis=1, keepdims=True) > _HALF
    for threshold in _OTHER_THRESHOLDS:
        what = f"labels whose probability is above {threshold:g}, which neither the configuration nor the card has"
        yield what, _probabilities(rows) > threshold


def _readings(key: str) -> tuple[str, ...]:
    """Return the metrics that a key may mean; an empty tuple if it is not known."""
    name = key.removeprefix("eval_").casefold()
    if name in {"accuracy", "acc", "subset_accuracy", "exact_match"}:
        return ("subset_accuracy",)
    for measure in _MEASURES:
        if name in {measure, f"{measure}_score"}:
            return tuple(f"{measure}_{average}" for average in _AVERAGES)
        for average in _AVERAGES:
            if name in {f"{measure}_{average}", f"{average}_{measure}"}:
                return (f"{measure}_{average}",)
    return ()


def _probabilities(rows: EvaluatedRows) -> NDArray[np.float64]:
    return rows.head_rules.outputs.scores(np.asarray(rows.logits, np.float64))


def _value(name: str, rows: EvaluatedRows, answers: NDArray[np.bool_]) -> float:
    metric = row_metric(name, replace(rows, predictions=answers.astype(np.int64)))
    return math.nan if metric is None else metric_value(metric)


def _of_configuration(evidence: Evidence) -> tuple[float, ...]:
    threshold = getattr(unwrapped(evidence.fresh_model).config, "threshold", None)
    return (float(threshold),) if isinstance(threshold, (int, float)) else ()


def _questions(evidence: Evidence) -> list[EvaluatedRows]:
    """Make logits ``[N, K]`` that are right for a fraction of the labels; many of them are between 0 and 1.

    Raises:
        NotApplicable: there is no compute_metrics, or there are too few rows.

    """
    pipeline = evidence.pipeline
    if pipeline.compute_metrics is None:
        msg = "there is no compute_metrics"
        raise NotApplicable(msg)
    labels = label_sets(evidence, splits(evidence)[1])
    if len(labels) < _FEWEST:
        msg = f"fewer than {_FEWEST} evaluated rows"
        raise NotApplicable(msg)
    generator, made = np.random.default_rng(evidence.seed), []
    for right in _RIGHT:
        answered = labels ^ (generator.random(labels.shape) >= right)
        sizes = generator.exponential(1.0, labels.shape)
        logits = np.where(answered, sizes, -sizes).astype(np.float32)
        made.append(EvaluatedRows.of_logits(logits, labels.astype(np.float32), pipeline.card.head))
    return made


def _answers(evidence: Evidence, rows: EvaluatedRows) -> Mapping[str, float]:
    compute: Any = evidence.pipeline.compute_metrics
    try:
        answers = compute(EvalPrediction(predictions=np.array(rows.logits), label_ids=rows.label_ids.copy()))
        return {str(key): float(value) for key, value in answers.items() if np.ndim(value) == 0}
    except Exception as error:
        msg = f"compute_metrics fails with made-up logits: {type(error).__name__}"
        raise NotApplicable(msg) from error
