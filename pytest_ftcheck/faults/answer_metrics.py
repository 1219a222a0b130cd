"""Faults of how answers are made of logits, and of the metrics of answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.columns import scalars
from pytest_ftcheck.faults.fault import FLOOR, fault
from pytest_ftcheck.faults.planting import raw, with_patch
from pytest_ftcheck.heads.answers import ANSWERS, REFERENCES, read_answers
from pytest_ftcheck.heads.arrays import side_by_side
from pytest_ftcheck.heads.traits import OWN_ANSWERS, QUESTIONS
from pytest_ftcheck.tasks.metrics import AnswerMetrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import EvalPrediction

    from pytest_ftcheck.pipeline.parts import Pipeline

_NEEDS = (QUESTIONS,)


@dataclass(frozen=True)
class _OtherMetric:
    """A ``compute_metrics`` that returns the same value for all keys."""

    own: AnswerMetrics
    value: Callable[[AnswerMetrics, EvalPrediction], float]

    def __call__(self, evaluated: EvalPrediction) -> dict[str, float]:
        return dict.fromkeys(self.own(evaluated), self.value(self.own, evaluated))


def _with_metric(pipeline: Pipeline, value: Callable[[AnswerMetrics, EvalPrediction], float]) -> Pipeline:
    if not isinstance(pipeline.compute_metrics, AnswerMetrics):
        msg = "the task's metrics are not computed by this package"
        raise NotApplicable(msg)
    return replace(pipeline, compute_metrics=_OtherMetric(pipeline.compute_metrics, value))


@fault(
    whole_run=True,
    needs=_NEEDS,
    caught_by=("metrics.answers_recomputed",),
    seen_in_practice="compute_metrics compares predicted with labelled positions of each window: windows without the "
    "answer count as questions, and they are easy.",
)
def metric_of_windows(pipeline: Pipeline) -> Pipeline:
    """The metrics count windows whose two positions are right, not questions."""

    def value(own: AnswerMetrics, evaluated: EvalPrediction) -> float:
        del own
        places = side_by_side(evaluated.predictions).argmax(axis=1)
        return 100 * float((places == side_by_side(evaluated.label_ids)).all(axis=1).mean())

    return _with_metric(pipeline, value)


@fault(
    whole_run=True,
    needs=_NEEDS,
    caught_by=("metrics.answers_recomputed",),
    seen_in_practice="prediction == answer in custom code: the prediction 'the market' counts as wrong where the "
    "answer is 'market', and case and punctuation count.",
)
def exact_match_of_plain_texts(pipeline: Pipeline) -> Pipeline:
    """Exact match compares strings without normalisation, and only with the last of the right answers."""

    def value(own: AnswerMetrics, evaluated: EvalPrediction) -> float:
        outputs = own.outputs(evaluated)
        pairs = zip(outputs[ANSWERS].tolist(), outputs[REFERENCES].tolist(), strict=True)
        return 100 * float(np.mean([answer == (read_answers(right) or [""])[-1] for answer, right in pairs]))

    return _with_metric(pipeline, value)


@fault(
    whole_run=True,
    needs=_NEEDS,
    caught_by=("metrics.answers_recomputed",),
    seen_in_practice="One report has F1 from 0 to 1 next to F1 from 0 to 100, which SQuAD's scripts return.",
)
def metric_as_a_share(pipeline: Pipeline) -> Pipeline:
    """The metrics are fractions from 0 to 1 instead of percentages."""
    return _with_metric(pipeline, lambda own, evaluated: next(iter(own(evaluated).values())) / 100)


@fault(
    whole_run=True,
    needs=_NEEDS,
    caught_by=("metrics.best_windows", "serving.answers", FLOOR),
    seen_in_practice="Start and end are chosen by two calls of argmax: the end may lie before the start, and the "
    "answer is empty or covers half of the context.",
)
def start_and_end_apart(pipeline: Pipeline) -> Pipeline:
    """Start and end of an answer are chosen independently, each by its highest logit."""
    return with_patch(pipeline, _two_maxima, "pytest_ftcheck.heads.answers:best_spans")


def _two_maxima(original: Any, logits: Any, of_context: Any, *args: Any, **kwargs: Any) -> Any:
    found = original(logits, of_context, *args, **kwargs)
    first, last = np.where(of_context[..., None], logits, -np.inf).argmax(axis=1).T
    rows = np.arange(len(logits))
    score = logits[rows, first, 0] + logits[rows, last, 1] - (first > last)
    return found._replace(first=first, last=last, score=np.where(np.isfinite(found.score), score, found.score))


@fault(
    whole_run=True,
    needs=(OWN_ANSWERS,),
    caught_by=("metrics.answers_decoded",),
    seen_in_practice="The post-processing cuts the context from the first character of the start token to the first "
    "character of the end token: every answer lacks its last token.",
)
def last_word_cut_off(pipeline: Pipeline) -> Pipeline:
    """The answers that the user's function makes of spans lack their last word."""
    return with_patch(pipeline, _without_last_words, "pytest_ftcheck.pipeline.trainer_evaluation:answers_of")


def _without_last_words(original: Any, *args: Any) -> Any:
    found = original(*args)
    return replace(found, answers=np.array([text.rpartition(" ")[0] for text in found.answers.tolist()], dtype=np.str_))


@fault(
    whole_run=True,
    needs=_NEEDS,
    caught_by=("metrics.null_threshold",),
    seen_in_practice="The null score difference threshold was chosen for another model, whose scores have another "
    "scale: most questions get no answer.",
)
def null_threshold_of_another_model(pipeline: Pipeline) -> Pipeline:
    """The threshold of "no answer" is far too low."""
    if all(answers["text"] for answers in scalars(raw(pipeline, "evaluation"), pipeline.card.label_column)):
        msg = "every question has an answer"
        raise NotApplicable(msg)
    return with_patch(pipeline, _none_mostly, "pytest_ftcheck.heads.answers:has_no_answer")


def _none_mostly(original: Any, null: float, best: float) -> bool:
    return bool(original(null + 15, best))
