"""Spans that no answer can have are found without the raw answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.faults.fault import select_faults
from pytest_ftcheck.faults.planting import with_column
from tests.checks.answer_runs import evidence_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline


@pytest.fixture(scope="module")
def pipeline(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("squad_v2", train_rows=64, eval_rows=64)


def judge(pipeline: Pipeline, **columns: list[Any]) -> list[Finding]:
    rows = pipeline.train_dataset
    for name, values in columns.items():
        rows = with_column(rows, name, values)
    return run_check(catalogue()["data.answer_spans"], evidence_of(replace(pipeline, train_dataset=rows)))


@pytest.mark.parametrize("task", ["squad", "squad_v2"])
def test_bundled_questions_are_healthy(make_pipeline: Callable[..., Pipeline], task: str) -> None:
    assert judge(make_pipeline(task, train_rows=64, eval_rows=64)) == []


def test_a_position_beyond_the_row_is_ignored_as_the_loss_does(pipeline: Pipeline) -> None:
    rows = pipeline.train_dataset
    beyond = [len(rows[0]["input_ids"])] + [0] * (len(rows) - 2) + [1]
    assert judge(pipeline, start_positions=beyond, end_positions=beyond) == []


def test_spans_that_end_before_they_begin_are_found(pipeline: Pipeline) -> None:
    ends = list(pipeline.train_dataset["end_positions"])
    starts = list(pipeline.train_dataset["start_positions"])
    ends[3] = starts[3] - 1
    (found,) = judge(pipeline, end_positions=ends)
    assert found.observed == (
        f"1 of {len(ends)} ({100 / len(ends):.1f}%) spans end before they begin; "
        f"the first is row 3: tokens {starts[3]} to {ends[3]}"
    )


def test_a_last_token_that_is_left_out_is_found(pipeline: Pipeline) -> None:
    planted = select_faults(["last_token_left_out"])[0].plant(pipeline)
    found = run_check(catalogue()["data.answer_spans"], evidence_of(planted))
    assert ["spans end before they begin" in entry.observed for entry in found] == [True, True]


@pytest.mark.parametrize(("place", "words"), [(0, "which is [CLS]: no window has an answer"), (7, "label 7 to 7")])
def test_one_span_for_all_windows_is_found(pipeline: Pipeline, place: int, words: str) -> None:
    same = [place] * len(pipeline.train_dataset)
    (found,) = judge(pipeline, start_positions=same, end_positions=same)
    assert found.observed.startswith(f"all {len(same)} windows have the label {place} to {place}")
    assert words in found.observed


def test_spans_on_padding_are_found(pipeline: Pipeline) -> None:
    rows = pipeline.train_dataset
    masks = [list(mask) for mask in rows["attention_mask"]]
    masks[5][rows[5]["end_positions"]] = 0
    (found,) = judge(pipeline, attention_mask=masks)
    assert found.observed.endswith("spans are on padding; the first is row 5")


def test_rows_without_positions_are_not_judged(pipeline: Pipeline) -> None:
    bare = [getattr(pipeline, name).remove_columns("end_positions") for name in ("train_dataset", "eval_dataset")]
    with pytest.raises(NotApplicable, match="no columns start_positions and end_positions"):
        judge(replace(pipeline, train_dataset=bare[0], eval_dataset=bare[1]))
