"""Checks of answers in a context and of the windows of a long one."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.faults import answers as faults
from pytest_ftcheck.faults.planting import with_column, with_rows
from tests.checks.answer_runs import evidence_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

OWN = ("answer_text", "answer_positions", "no_answer_position", "windows_cover", "answers_in_windows")


@pytest.fixture(scope="module")
def pipeline(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("squad_v2", train_rows=64, eval_rows=64)


def judge(name: str, pipeline: Pipeline) -> list[Finding]:
    return run_check(catalogue()[f"data.{name}"], evidence_of(pipeline))


def told(found: list[Finding]) -> str:
    return " | ".join(f"{entry.expected}: {entry.observed}" for entry in found)


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("task", ["squad", "squad_v2"])
def test_bundled_questions_are_healthy(make_pipeline: Callable[..., Pipeline], task: str, name: str) -> None:
    assert not judge(name, make_pipeline(task, train_rows=64, eval_rows=64))


def test_answers_that_stand_elsewhere_are_found_with_the_step(pipeline: Pipeline) -> None:
    found = judge("answer_text", faults.answers_off_by_a_character(pipeline))
    assert "context[answer_start:] to begin with the answer" in told(found)
    assert "of them stand 1 characters later" in told(found)


def test_answers_that_stand_nowhere_are_said_to(pipeline: Pipeline) -> None:
    gone: list[Any] = [{"text": ["no such words"], "answer_start": [3]}] * len(pipeline.data.train)
    broken = with_rows(pipeline, "train", raw=with_column(pipeline.data.train, "answers", gone))
    found = judge("answer_text", broken)
    assert "64 of 64 (100.0%) answers do not; the first is 'no such words' at 3" in told(found)
    assert all(shown.startswith("answer 'no such words' at 3 of ") for shown in found[0].evidence)
    assert "none of them stands anywhere" in told(found)


def test_positions_without_cls_are_found(pipeline: Pipeline) -> None:
    found = judge("answer_positions", faults.positions_off_by_one(pipeline))
    assert "windows with a label mark something else" in told(found)
    assert all(" are " in shown and ", the answer is " in shown for shown in found[0].evidence)
    assert len(found[0].evidence) == 3
    assert "the answer is" in told(found)


def test_a_label_elsewhere_than_at_cls_is_found_where_there_is_no_answer(pipeline: Pipeline) -> None:
    found = judge("no_answer_position", faults.no_answer_at_the_end(pipeline))
    assert "label (0, 0) in windows that do not hold the answer" in told(found)
    assert "tokens 1 to 1" in told(found)


def test_windows_that_all_hold_their_answer_say_nothing_of_no_answer(make_pipeline: Callable[..., Pipeline]) -> None:
    short = make_pipeline("squad", train_rows=64, eval_rows=64)
    kept = {
        split: [row for row, first in enumerate(rows["start_positions"]) if first]
        for split, rows in (("train", short.train_dataset), ("evaluation", short.eval_dataset))
    }
    short = replace(
        short,
        train_dataset=short.train_dataset.select(kept["train"]),
        eval_dataset=short.eval_dataset.select(kept["evaluation"]),
    )
    with pytest.raises(NotApplicable, match="every window holds its answer"):
        judge("no_answer_position", short)


@pytest.mark.parametrize("plant", [faults.first_window_only, faults.windows_with_gaps])
def test_parts_of_a_context_that_no_window_holds_are_found(
    pipeline: Pipeline, plant: Callable[[Pipeline], Pipeline]
) -> None:
    found = judge("windows_cover", plant(pipeline))
    assert "all of the context in the windows of its question" in told(found)
    assert "windows" in told(found)
    assert all(text.endswith("' is in no window") for entry in found for text in entry.evidence)
    assert all(entry.evidence for entry in found)


def test_answers_that_no_window_holds_are_counted(pipeline: Pipeline) -> None:
    found = judge("answers_in_windows", faults.first_window_only(pipeline))
    assert "each answer whole in one window" in told(found)
    assert "answers are in none; the first is" in told(found)
    assert re.fullmatch(r"row \d+: '.+'", found[0].evidence[0])


def test_a_question_whose_windows_were_all_lost_is_found(pipeline: Pipeline) -> None:
    rows = pipeline.eval_dataset
    kept = [row for row, question in enumerate(rows["question_row"]) if question != 5]
    found = judge("splits_not_empty", replace(pipeline, eval_dataset=rows.select(kept)))
    assert told(found) == "at least one tokenized row of each of 64 raw rows: 1 of 64 have none"
