"""Faults of answers in a context: their positions, their windows and their metrics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.columns import POSITION_NAMES, scalars, walk
from pytest_ftcheck.faults.fault import FLOOR, fault
from pytest_ftcheck.faults.planting import raw, tokenized, tokenizer_of, with_column, with_patch, with_rows
from pytest_ftcheck.faults.rows import SPLITS
from pytest_ftcheck.heads.answers import ANSWERS, QUESTION, REFERENCES, read_answers
from pytest_ftcheck.heads.arrays import side_by_side
from pytest_ftcheck.heads.offsets import OFFSETS
from pytest_ftcheck.heads.traits import QUESTIONS
from pytest_ftcheck.tasks.metrics import AnswerMetrics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from transformers import EvalPrediction

    from pytest_ftcheck.pipeline.parts import Pipeline

_NEEDS = (QUESTIONS,)


def _with_positions(
    pipeline: Pipeline, change: Callable[[Sequence[int], Sequence[int]], tuple[list[int], list[int]]]
) -> Pipeline:
    """Return the pipeline with other labels in both splits."""
    for split in SPLITS:
        rows = tokenized(pipeline, split)
        changed = change(*(scalars(rows, name) for name in POSITION_NAMES))
        for name, values in zip(POSITION_NAMES, changed, strict=True):
            rows = with_column(rows, name, values)
        pipeline = with_rows(pipeline, split, rows)
    return pipeline


def _with_windows(pipeline: Pipeline, kept: Callable[[int, int], bool]) -> Pipeline:
    """Return the pipeline with a part of the windows, chosen by index and count within their question."""
    for split in SPLITS:
        rows = tokenized(pipeline, split)
        questions = scalars(rows, QUESTION)
        counts = {question: questions.count(question) for question in set(questions)}
        numbers: dict[int, int] = {}
        chosen = []
        for place, question in enumerate(questions):
            number = numbers[question] = numbers.get(question, -1) + 1
            if kept(number, counts[question]):
                chosen.append(place)
        if len(chosen) == len(questions):
            msg = "no context has several windows"
            raise NotApplicable(msg)
        pipeline = with_rows(pipeline, split, rows.select(chosen))
    return with_own_metrics(pipeline)


def with_own_metrics(pipeline: Pipeline) -> Pipeline:
    """Return the pipeline with metrics computed from its current windows."""
    if not isinstance(pipeline.compute_metrics, AnswerMetrics):
        return pipeline
    return replace(pipeline, compute_metrics=replace(pipeline.compute_metrics, windows=pipeline.eval_dataset))


@fault(
    needs=_NEEDS,
    caught_by=("data.answer_text",),
    seen_in_practice="Contexts are stripped, cleaned or translated after the answers were marked, or answer_start "
    "counts bytes of UTF-8: the labels are a few characters off.",
)
def answers_off_by_a_character(pipeline: Pipeline) -> Pipeline:
    """answer_start is one character too low: contexts were stripped after the answers were marked."""
    for split in SPLITS:
        rows, column = raw(pipeline, split), pipeline.card.label_column
        if column not in rows.column_names:
            msg = "the raw answers are not known"
            raise NotApplicable(msg)
        moved = [
            {**answers, "answer_start": [max(0, start - 1) for start in answers["answer_start"]]}
            for answers in scalars(rows, column)
        ]
        pipeline = with_rows(pipeline, split, raw=with_column(rows, column, moved))
    return pipeline


@fault(
    needs=_NEEDS,
    caught_by=("data.answer_positions",),
    seen_in_practice="Tokens are counted from the first token of the context, without [CLS], or the end is read as the "
    "first token after the answer.",
)
def positions_off_by_one(pipeline: Pipeline) -> Pipeline:
    """First and last token of the answer are one too low: [CLS] was not counted."""
    return _with_positions(pipeline, lambda first, last: (_before(first), _before(last)))


@fault(
    needs=_NEEDS,
    caught_by=("data.answer_spans", "data.answer_positions"),
    seen_in_practice="The end of the answer is exclusive in the raw data, and one is subtracted twice: answers of one "
    "token end before they begin.",
)
def last_token_left_out(pipeline: Pipeline) -> Pipeline:
    """The last token of an answer is one too low."""
    return _with_positions(pipeline, lambda first, last: (list(first), _before(last)))


def _before(places: Sequence[int]) -> list[int]:
    return [max(0, place - 1) for place in places]


@fault(
    needs=_NEEDS,
    caught_by=("data.windows_cover", "data.answers_in_windows"),
    seen_in_practice="truncation=True without return_overflowing_tokens: the rest of a long context, and the answers "
    "in it, are lost without a warning, and the model learns that these questions have no answer.",
)
def first_window_only(pipeline: Pipeline) -> Pipeline:
    """Long contexts are cut to their first window."""
    return _with_windows(pipeline, lambda number, _: number == 0)


@fault(
    needs=_NEEDS,
    caught_by=("data.windows_cover",),
    seen_in_practice="Windows are cut by custom code, with a step that is larger than a window: tokens between two "
    "windows are never read.",
)
def windows_with_gaps(pipeline: Pipeline) -> Pipeline:
    """A long context loses its first window: steps are larger than windows."""
    return _with_windows(pipeline, lambda number, count: count == 1 or number > 0)


@fault(
    needs=_NEEDS,
    caught_by=("data.no_answer_position",),
    seen_in_practice="For windows without the answer, a search for its position returns the last token as its default; "
    "the label should be [CLS].",
)
def no_answer_at_the_end(pipeline: Pipeline) -> Pipeline:
    """Windows without the answer are labelled with another token than [CLS]."""
    return _with_positions(
        pipeline,
        lambda first, last: (
            [place or 1 for place in first],
            [place or (1 if not begin else place) for begin, place in zip(first, last, strict=True)],
        ),
    )


@fault(
    whole_run=True,
    needs=_NEEDS,
    caught_by=("data.answer_positions", "metrics.beats_trivial_answers", FLOOR),
    seen_in_practice="The index of a window is used as the index of its question when labels are made: after the first "
    "context with two windows, every row has the label of the row before it.",
)
def positions_of_other_windows(pipeline: Pipeline) -> Pipeline:
    """Every window has the label of the one before it."""
    return _with_positions(pipeline, lambda first, last: (_turned(first), _turned(last)))


def _turned(places: Sequence[int]) -> list[int]:
    return [*places[-1:], *places[:-1]]


@fault(
    whole_run=True,
    needs=_NEEDS,
    caught_by=("data.unknown_tokens", "data.decodes", "model.question_matters", FLOOR),
    seen_in_practice="An empty column is tokenized instead of the questions, or the questions are cut off: the model "
    "sees only the context.",
)
def questions_unknown(pipeline: Pipeline) -> Pipeline:
    """Every token of a question is the unknown token."""
    tokenizer: Any = tokenizer_of(pipeline)
    special = {tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id}
    for split in SPLITS:
        rows = tokenized(pipeline, split)
        hidden = [
            [
                tokenizer.unk_token_id if offset is None and token not in special else token
                for token, offset in zip(ids, offsets, strict=True)
            ]
            for ids, offsets in walk(rows, ["input_ids", OFFSETS])
        ]
        pipeline = with_rows(pipeline, split, with_column(rows, "input_ids", hidden))
    return pipeline


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
