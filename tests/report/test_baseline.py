"""What is said of the baseline: values before and after, the rows that got worse, in words that fit a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.gates.flips import Flip
from pytest_ftcheck.gates.records import MetricChange
from pytest_ftcheck.report.baseline import (
    AcceptedRecord,
    ComparisonRecord,
    FlipRecord,
    _flip_line,
    comparison_lines,
    flip_records,
    unmatched_lines,
    update_lines,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline


def change(before: float, after: float, worse: float, *, gated: bool = True) -> MetricChange:
    return MetricChange(before=before, after=after, worse=worse, gated=gated)


def note(**changes: Any) -> ComparisonRecord:
    of_run = {
        "key": "mrpc/tiny-bert/trainer/recipe-1",
        "accepted_key": "mrpc/tiny-bert/trainer/recipe-1",
        "task": "mrpc",
        "engine": "trainer",
        "seed": 0,
        "accepted_seed": 0,
        "accepted": "2026-11-22",
        "why": "",
        "differences": [],
        "not_comparable": "",
        "metrics": {"accuracy": change(0.9, 0.8, 0.1)},
    }
    return ComparisonRecord(**{**of_run, **changes})


def flip(row: int = 0, **changes: Any) -> FlipRecord:
    of_row = {"row": row, "id": row, "text": ["a b"], "label": "yes", "before": "yes", "after": "no", "worse": 0.5}
    return FlipRecord(**{**of_row, **changes})


def test_an_equal_run_takes_two_lines() -> None:
    equal = note(metrics={"accuracy": change(0.9, 0.9, 0.0)})
    assert comparison_lines([equal]) == [
        "mrpc/tiny-bert/trainer/recipe-1, seed 0: accuracy 0.9000 → 0.9000",
        "  accepted on 2026-11-22",
    ]


def test_what_differs_is_named() -> None:
    other = note(accepted_key="mrpc/tiny-bert/trainer/recipe-2", seed=3, why="first", differences=["torch 1 → 2"])
    assert comparison_lines([other])[1:] == [
        "  accepted on 2026-11-22 as mrpc/tiny-bert/trainer/recipe-2, seed 0: first",
        "  changed since: torch 1 → 2",
    ]


def test_the_five_worst_rows_of_a_worse_run_are_shown() -> None:
    flips = [flip(row) for row in range(7)] + [flip(7, before="no", after="yes")]
    lines = comparison_lines([note(flips=flips)])
    assert lines[2] == "  8 rows flipped: 7 were right, 1 are right now; the worst:"
    assert lines[3] == "    row 0: yes: yes → no  'a b'"
    assert len(lines) == 8


@pytest.mark.parametrize("worse", [0.0, -0.1])
def test_rows_of_a_run_that_is_no_worse_are_counted(worse: float) -> None:
    better = note(flips=[flip()], metrics={"accuracy": change(0.9, 0.9 - worse, worse)})
    assert comparison_lines([better])[2:] == ["  1 rows flipped: 1 were right, 0 are right now"]


def test_a_metric_that_is_not_a_number_counts_as_worse() -> None:
    broken = note(flips=[flip()], metrics={"f1": change(0.9, math.nan, math.nan)})
    lines = comparison_lines([broken])
    assert "f1 0.9000 → nan" in lines[0]
    assert lines[-1].startswith("    row 0")


def test_values_of_a_regression_are_numbers() -> None:
    lines = comparison_lines([note(flips=[flip(label=2.5, before=2.4, after=0.123456)])])
    assert lines[2:] == ["  1 rows are further from their label; the worst:", "    row 0: 2.5: 2.4 → 0.1235  'a b'"]


def test_a_baseline_that_gates_nothing_says_so() -> None:
    not_gated = change(0.9, 0.9, 0.0, gated=False)
    (_, _, line) = comparison_lines([note(metrics={"f1": not_gated})])
    assert line == "  no metric has a max_drop: no drop fails. --ftcheck-calibrate proposes a max_drop"
    both = {"f1": not_gated, "accuracy": change(0.9, 0.9, 0.0)}
    assert len(comparison_lines([note(metrics=both)])) == 2


def test_long_texts_are_cut_and_stay_in_a_line() -> None:
    (line,) = comparison_lines([note(flips=[flip(text=["x\ny " * 50, "short"])])])[3:]
    assert line.endswith("…' | 'short'")
    assert len(line) < 110


def test_what_is_not_comparable_is_said() -> None:
    told = comparison_lines([note(metrics={}, not_comparable="not comparable: the baseline has 2 rows")])
    assert "NOT COMPARABLE: the baseline has 2 rows" in told[0]


def test_what_was_accepted_and_what_matches_nothing() -> None:
    written = AcceptedRecord(key="a", new=True, seeds=[0, 2])
    assert update_lines([written], "f.json") == ["accepted (new): a, seed 0, 2, in f.json"]
    (line,) = unmatched_lines(["a"], "f.json")
    assert line.startswith("a in f.json matches no run of this session")


def test_sets_of_labels_are_named(make_pipeline: Callable[..., Pipeline]) -> None:
    pipeline = make_pipeline("go_emotions", train_rows=4, eval_rows=8)
    none = [0.0] * 28
    label, before = [1.0, 1.0, *none[2:]], [1.0, *none[1:]]
    (record,) = flip_records([Flip(0, label, before, none, 0.5)], pipeline, pipeline.data.evaluation)
    assert (record.label, record.before, record.after) == (["admiration", "amusement"], ["admiration"], [])
    assert _flip_line(record).startswith("row 133: admiration, amusement: admiration → none  ")


def test_rows_are_named_by_their_id_with_text_and_class_names(make_pipeline: Callable[..., Pipeline]) -> None:
    pipeline = make_pipeline("mrpc", train_rows=4, eval_rows=6)
    rows = pipeline.data.evaluation
    records = flip_records([Flip(4, 0, 0, 1, 0.5), Flip(2, 1, 1, -1, 0.2)], pipeline, rows)
    assert [record.row for record in records] == [4, 2]
    assert records[0].id == rows[4]["idx"]
    assert records[0].text == [rows[4]["sentence1"], rows[4]["sentence2"]]
    named = [records[0].label, records[0].before, records[0].after]
    assert named == ["not_equivalent", "not_equivalent", "equivalent"]
    assert records[1].after == -1  # a logit that is not finite is no class
    assert flip_records([], pipeline, rows) == []
    without = flip_records([Flip(4, 0, 0, 1, 0.5)], pipeline, rows.remove_columns(["idx", "sentence1", "sentence2"]))
    assert (without[0].id, without[0].text) == (4, [])
