"""Faults of answers in a context: their positions and their windows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.columns import POSITION_NAMES, scalars, walk
from pytest_ftcheck.faults.fault import FLOOR, fault
from pytest_ftcheck.faults.planting import raw, tokenized, tokenizer_of, with_column, with_rows
from pytest_ftcheck.faults.rows import SPLITS
from pytest_ftcheck.heads.answers import QUESTION
from pytest_ftcheck.heads.offsets import OFFSETS
from pytest_ftcheck.heads.traits import QUESTIONS
from pytest_ftcheck.tasks.metrics import AnswerMetrics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
