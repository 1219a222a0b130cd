"""Checks of the choices of a row: quiet on healthy rows, red where a defect is planted."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.faults.fault import select_faults
from pytest_ftcheck.faults.planting import with_column, with_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}
NAMES = ("choice_count", "choice_labels", "choices_in_place", "choice_context", "choices_differ")


@pytest.fixture(scope="module")
def parts(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("swag", train_rows=60, eval_rows=60)


def judge(name: str, pipeline: Pipeline) -> list[Finding]:
    no: Any = None
    evidence = Evidence(pipeline, engine="trainer", seed=0, environment=ENVIRONMENT, make_run=no, make_probe=no)
    return run_check(catalogue()[f"data.{name}"], evidence)


def planted(parts: Pipeline, fault: str) -> Pipeline:
    return select_faults([fault])[0].plant_in(parts, "trainer")


@pytest.mark.parametrize("name", NAMES)
def test_healthy_rows_are_let_through(parts: Pipeline, name: str) -> None:
    assert judge(name, parts) == []


def test_a_row_with_three_choices_is_found(parts: Pipeline) -> None:
    rows = parts.train_dataset
    ids = [row[:3] if index == 5 else row for index, row in enumerate(rows["input_ids"])]
    (finding,) = judge("choice_count", with_rows(parts, "train", with_column(rows, "input_ids", ids)))
    assert finding.expected == "4 choices in every row"
    assert finding.observed == "1 of 60 (1.7%) rows have another number, the first is row 5: 3"
    assert finding.evidence == ("row 5: 3 choices",)


def test_labels_that_count_from_one_are_found(parts: Pipeline) -> None:
    found = judge("choice_labels", planted(parts, "right_choice_off_by_one"))
    assert len(found) == 2
    assert found[0].expected == "the label that the raw data has for the row"
    assert found[0].observed == "60 of 60 (100.0%) rows have another one: 1 for 0, 2 for 1, 3 for 2, 0 for 3"
    assert all(re.fullmatch(r"row \d+: label \d for \d", text) for text in found[0].evidence)


def test_labels_without_raw_ones_beside_are_not_compared(parts: Pipeline) -> None:
    own = replace(parts, data=replace(parts.data, train=parts.train_dataset))
    with pytest.raises(NotApplicable, match="the rows have no raw labels"):
        judge("choice_labels", own)


def test_shuffled_choices_are_found_and_named(parts: Pipeline) -> None:
    found = judge("choices_in_place", planted(parts, "choices_shuffled"))
    assert len(found) == 2
    assert found[0].expected == "choices that hold their own endings"
    assert "sampled rows have others, the first is row 0: choice " in found[0].observed
    assert " holds ending" in found[0].observed
    assert len(found[0].evidence) == 3
    assert found[0].evidence[0].startswith("row 0: choice ")


def test_endings_of_another_row_are_found(parts: Pipeline) -> None:
    found = judge("choices_in_place", planted(parts, "endings_of_next_row"))
    assert "choice 0 does not hold ending0 = 'got " in found[0].observed
    assert found[0].observed.endswith(", nor another ending of the row")


def test_a_context_that_is_missing_is_found(parts: Pipeline) -> None:
    found = judge("choice_context", planted(parts, "context_dropped"))
    assert [finding.expected for finding in found] == ["the context in every choice"] * 2
    assert "sampled rows hold less than half of it in any choice" in found[0].observed


def test_a_context_that_is_cut_in_one_choice_is_found(parts: Pipeline) -> None:
    cut = planted(parts, "context_cut_in_one_choice")
    found = judge("choice_context", cut)
    assert found[0].expected == "as much of the context in each choice of a row"
    assert "the first is row 0: choice 0 holds " in found[0].observed
    assert "another one 100%" in found[0].observed
    # Also without the raw texts: the longest first segment of a row is its context.
    unknown = replace(cut, card=replace(cut.card, text_columns=()))
    assert judge("choice_context", unknown)[0].expected == found[0].expected


def test_choices_of_the_same_tokens_are_found(parts: Pipeline) -> None:
    found = judge("choices_differ", planted(parts, "endings_truncated_away"))
    expected = "at most 5% of the sampled rows with a wrong choice of the same tokens as the right one"
    assert (found[0].level, found[0].expected) == ("fail", expected)
    assert found[0].observed == "60 of 60 (100.0%), the first is row 0"


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_one_text_are_skipped_with_the_reason(make_pipeline: Callable[..., Pipeline], name: str) -> None:
    with pytest.raises(NotApplicable, match="only to tasks with several texts in each row, of which one is right"):
        judge(name, make_pipeline("sst2", train_rows=8, eval_rows=8))


# -- checks of one text a row ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["decodes", "distinct_inputs", "duplicates", "empty_rows", "segments", "stale_tokens", "truncation"]
)
def test_checks_of_one_text_look_at_each_choice(parts: Pipeline, name: str) -> None:
    assert judge(name, parts) == []


def test_a_choice_without_its_context_lacks_a_segment(parts: Pipeline) -> None:
    found = judge("segments", planted(parts, "context_dropped"))
    assert found[0].observed.startswith("no token of context in 240 of 240 (100.0%)")
