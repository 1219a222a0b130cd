"""The summary: a table of verdicts, and what was measured on what."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from pytest_ftcheck.report.header import SYNTHETIC
from pytest_ftcheck.report.summary import check_lines, closing_lines, number, summary_table


def row(**changes: Any) -> dict[str, Any]:
    gate = {
        "task": "mrpc",
        "engine": "trainer",
        "seed": 0,
        "metric": "accuracy",
        "value": 0.8125,
        "floor": 0.8,
        "margin": 0.0125,
        "status": "pass",
        "seconds": 12.34,
        "reused": False,
    }
    return {**gate, **changes}


def run_of(**changes: Any) -> dict[str, Any]:
    run = {
        "task": "mrpc",
        "engine": "trainer",
        "seed": 0,
        "checkpoint": "tiny-bert",
        "data": "bundled",
        "train_rows": 64,
        "rows": 32,
        "synthetic": True,
        "folder": "/store/abc",
    }
    return {**run, **changes}


def cells(*gates: dict[str, Any]) -> list[list[str]]:
    """Split the plain table into the words of its lines, the rule left out."""
    lines = summary_table(gates, color=False).splitlines()
    return [words for line in lines if (words := line.split()) and "─" not in line]


def test_table_shows_value_floor_margin_and_verdict() -> None:
    head, line = cells(row())
    assert head == ["task", "engine", "metric", "value", "floor", "margin", "status", "seconds"]
    assert line == ["mrpc", "trainer", "accuracy", "0.8125", "0.8000", "+0.0125", "pass", "12.3"]


def test_seed_is_shown_where_there_are_several() -> None:
    head, *lines = cells(row(), row(seed=3))
    assert head[2] == "seed"
    assert [line[2] for line in lines] == ["0", "3"]
    assert "seed" not in cells(row(seed=3), row(seed=3, metric="f1"))[0]


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"value": math.nan, "margin": math.nan, "status": "fail"}, ["nan", "0.8000", "nan", "fail", "12.3"]),
        ({"floor": None, "margin": None, "status": "no floor"}, ["0.8125", "-", "-", "no", "floor", "12.3"]),
        ({"value": 0.7, "margin": -0.1, "status": "fail"}, ["0.7000", "0.8000", "-0.1000", "fail", "12.3"]),
        ({"value": -0.2, "floor": 0.1, "margin": -0.3}, ["-0.2000", "0.1000", "-0.3000", "pass", "12.3"]),
        ({"reused": True}, ["0.8125", "0.8000", "+0.0125", "pass", "12.3", "(reused)"]),
    ],
)
def test_row_shows(changes: dict[str, Any], shown: list[str]) -> None:
    assert cells(row(**changes))[1][3:] == shown


@pytest.mark.parametrize(("status", "code"), [("pass", "32"), ("fail", "1;31"), ("no floor", "33")])
def test_verdict_has_its_colour_where_colours_are_wanted(status: str, code: str) -> None:
    assert f"\x1b[{code}m{status}" in summary_table([row(status=status)], color=True)
    assert "\x1b" not in summary_table([row(status=status)], color=False)


@pytest.mark.parametrize("name", ["[red]reviews", "reviews[/]", "[bold]"])
def test_name_with_brackets_is_shown_as_it_is(name: str) -> None:
    assert cells(row(task=name))[1][0] == name


def test_table_fits_the_terminal() -> None:
    assert all(len(line) <= 60 for line in summary_table([row()], color=False, width=60).splitlines())


@pytest.mark.parametrize(
    ("value", "signed", "shown"),
    [
        (None, False, "-"),
        (0.5, False, "0.5000"),
        (0.5, True, "+0.5000"),
        (math.nan, True, "nan"),
        (1.0, False, "1.0000"),
    ],
)
def test_number_has_four_digits(value: float | None, signed: bool, shown: str) -> None:  # noqa: FBT001 - a parameter
    assert number(value, signed=signed) == shown


def test_closing_lines_say_what_was_measured_on_what() -> None:
    lines = closing_lines([run_of(), run_of(engine="manual")], [], [], [], None)
    assert lines[0] == f"mrpc: tiny-bert on bundled (64 train, 32 evaluated rows), {SYNTHETIC}"
    assert lines[1:] == [
        "model of mrpc, manual, seed 0: /store/abc/model",
        "model of mrpc, trainer, seed 0: /store/abc/model",
    ]


def test_real_data_is_not_called_synthetic() -> None:
    assert SYNTHETIC not in closing_lines([run_of(synthetic=False, data="hub glue/mrpc")], [], [], [], None)[0]


def test_many_folders_are_left_out() -> None:
    runs = [run_of(seed=seed) for seed in range(5)]
    assert len([line for line in closing_lines(runs[:4], [], [], [], None) if "model of" in line]) == 4
    assert not [line for line in closing_lines(runs, [], [], [], None) if "model of" in line]


def test_notes_idle_tasks_and_the_document_are_named() -> None:
    told = "ftcheck/rte::test_training[finite_loss-trainer]"
    lines = closing_lines([], ["entry abc was not whole"], ["rte"], [told], Path("out.json"))
    assert lines == [
        "entry abc was not whole",
        "rte: NO TEST RAN, so nothing is known of it: the session fails.",
        f"{told}: should have told why there is no run, and did not fail: the session fails.",
        "everything is in out.json",
    ]


def check_of(name: str, outcome: str = "passed", reason: str | None = None, task: str = "mrpc") -> dict[str, Any]:
    return {"task": task, "check": name, "outcome": outcome, "reason": reason}


def test_checks_are_counted_failed_ones_named_and_skipped_ones_explained() -> None:
    lines = check_lines(
        [
            check_of("data.rows"),
            check_of("data.labels"),
            check_of("model.finite", "failed"),
            check_of("model.finite", "failed"),  # the other engine
            check_of("model.mask", "failed"),
            check_of("data.text", "skipped", "no raw text"),
            check_of("data.pairs", "skipped", "one segment"),
            check_of("data.tokens", "skipped", "no raw text"),
        ]
    )
    assert lines == [
        "checks: 2 passed, 3 failed (model.finite, model.mask), 3 skipped",
        "  skipped: data.text, data.tokens: no raw text",
        "  skipped: data.pairs: one segment",
    ]


def test_checks_of_several_tasks_have_their_task_beside_them() -> None:
    lines = check_lines([check_of("data.rows", "failed"), check_of("data.text", "skipped", "none", task="sst2")])
    assert lines == ["checks: 1 failed (data.rows of mrpc), 1 skipped", "  skipped: data.text of sst2: none"]


def test_without_checks_nothing_is_said_of_them() -> None:
    assert check_lines([]) == []
