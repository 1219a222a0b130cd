"""The summary: a table of verdicts, and what was measured on what."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.findings import Finding
from pytest_ftcheck.gates.limits import Limits
from pytest_ftcheck.gates.records import GateRecord, SeedGateRecord
from pytest_ftcheck.gates.tolerance import SeedStatistics
from pytest_ftcheck.report.header import SYNTHETIC
from pytest_ftcheck.report.records import JudgedRecord
from pytest_ftcheck.report.runs import RunRecord
from pytest_ftcheck.report.summary import (
    check_lines,
    closing_lines,
    number,
    seed_lines,
    summary_table,
    warning_lines,
)

if TYPE_CHECKING:
    from pytest_ftcheck.report.records import Outcome


GATE: dict[str, Any] = {
    "task": "mrpc",
    "engine": "trainer",
    "metric": "accuracy",
    "slice": "",
    "value": 0.8125,
    "interval": [0.77, 0.85],
    "floor": 0.8,
    "margin": 0.0125,
    "limits": Limits(limit=0.8),
    "status": "pass",
    "smallest_drop": 0.0561,
    "drop": None,
    "rows": 400,
    "seconds": 12.34,
    "reused": False,
}


def row(**changes: Any) -> GateRecord:
    of_run = {"seed": 0, "missing": False, "interval_method": "Wilson", "informs": False, "failed": False}
    return GateRecord(**{**GATE, **of_run, **changes})


def mean_of(**changes: Any) -> SeedGateRecord:
    of_seeds = {
        "values": {"0": 0.8, "3": 0.82, "4": math.nan},
        "worst_seed": 4,
        "failed": [4],
        "bounds": None,
        "findings": [],
    }
    return SeedGateRecord(**{**GATE, **of_seeds, **changes})


def run_of(**changes: Any) -> RunRecord:
    run = {
        "task": "mrpc",
        "engine": "trainer",
        "seed": 0,
        "tier": "tiny",
        "checkpoint": "tiny-bert",
        "parameters": 100,
        "data": "bundled",
        "synthetic": True,
        "evaluation_split": "validation",
        "train_rows": 64,
        "rows": 32,
        "logits_shape": [32, 2],
        "metrics": {},
        "unjudged": {},
        "epochs": [],
        "best_epoch": None,
        "recipe": {},
        "timings": {},
        "environment": {},
        "reused": False,
        "folder": "/store/abc",
    }
    return RunRecord(**{**run, **changes})


def cells(*gates: GateRecord) -> list[list[str]]:
    """Split the plain table into the words of its lines, the rule left out."""
    lines = summary_table(gates, color=False, width=160).splitlines()
    return [words for line in lines if (words := line.split()) and "─" not in line]


def test_table_shows_value_interval_floor_verdict_and_power() -> None:
    head, line = cells(row())
    assert " ".join(head) == "task engine metric value 95% interval floor status sees drop of rows seconds"
    assert " ".join(line) == "mrpc trainer accuracy 0.8125 0.7700 to 0.8500 0.8000 pass 0.0561 400 12.3"


def test_seed_is_shown_where_there_are_several() -> None:
    head, *lines = cells(row(), row(seed=3))
    assert head[2] == "seed"
    assert [line[2] for line in lines] == ["0", "3"]
    assert "seed" not in cells(row(seed=3), row(seed=3, metric="f1"))[0]


CALIBRATED = Limits(limit=0.8, calibrated=SeedStatistics(0.85, 0.01, 10))
CEILING = Limits(limit=0.8, greater_is_better=False)


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"value": math.nan, "interval": None, "smallest_drop": None}, "nan - 0.8000 pass - 400 12.3"),
        ({"floor": None, "status": "ungated"}, "0.8125 0.7700 to 0.8500 - ungated 0.0561 400 12.3"),
        ({"value": 0.7, "status": "fail"}, "0.7000 0.7700 to 0.8500 0.8000 fail 0.0561 400 12.3"),
        ({"limits": CALIBRATED}, "0.8125 0.7700 to 0.8500 0.8000 (10 seeds) pass 0.0561 400 12.3"),
        ({"limits": CEILING}, "0.8125 0.7700 to 0.8500 at most 0.8000 pass 0.0561 400 12.3"),
        ({"informs": True, "status": "fail"}, "0.8125 0.7700 to 0.8500 0.8000 (fail) 0.0561 400 12.3"),
        ({"reused": True}, "0.8125 0.7700 to 0.8500 0.8000 pass 0.0561 400 12.3 (reused)"),
    ],
)
def test_row_shows(changes: dict[str, Any], shown: str) -> None:
    assert " ".join(cells(row(**changes))[1][3:]) == shown


def test_a_slice_is_named_behind_its_metric() -> None:
    assert cells(row(slice="class=bad", rows=12))[1][2:4] == ["accuracy,", "class=bad"]


def test_the_mean_stands_below_its_seeds() -> None:
    others = [row(engine="manual"), row(engine="manual", seed=3)]
    table = summary_table([row(), row(seed=3), *others], [mean_of(), mean_of(engine="manual")], color=False, width=160)
    engines = [line.split()[1:3] for line in table.splitlines()[2:] if line]
    assert engines == [[engine, seed] for engine in ("trainer", "manual") for seed in ("0", "3", "mean")]
    assert table.count("mean of 2") == 2


def test_the_worst_seed_and_those_that_failed_are_named() -> None:
    told = "mrpc, trainer: accuracy over 3 seeds: worst seed 4 (nan), 1 failed: seed 4"
    assert seed_lines([mean_of()], []) == [told]
    finding = Finding("metrics.failed_runs", "accuracy of mrpc", "none", "1 failed: seed 4", "look at it")
    assert seed_lines([mean_of()], [finding]) == [told, "", *finding.describe().splitlines(), ""]
    assert seed_lines([mean_of(failed=[])], [])[0].endswith("none failed")


def test_what_is_inconclusive_is_told_in_a_line_of_its_own() -> None:
    finding = Finding("metrics.floor", "f1 of mrpc", "at least 0.9", "0.91, inconclusive", "more rows")
    assert warning_lines([finding]) == [
        "WARNING, inconclusive: f1 of mrpc: expected at least 0.9, observed 0.91, inconclusive",
        "  Inconclusive gates pass; --ftcheck-strict makes them fail.",
    ]
    assert warning_lines([]) == []


def test_what_checks_warn_of_is_ordered_by_the_rows_that_it_is_about() -> None:
    some = [
        Finding(f"data.{name}", "reviews", "few", f"{share:.0%}", level="warn", share=share)
        for name, share in zip("abcdefg", (0.1, 0.7, 0.3, 0.2, 0.5, 0.4, 0.6), strict=True)
    ]
    lines = warning_lines(some)
    assert [line.partition(":")[0] for line in lines[:-1]] == [f"WARNING, data.{name}" for name in "bgefc"]
    assert lines[0] == "WARNING, data.b: reviews: expected few, observed 70%"
    assert lines[-1] == (
        "  Warnings pass; --ftcheck-strict makes them fail. 2 more are in the JSON document (--ftcheck-json)."
    )


@pytest.mark.parametrize(
    ("status", "code"), [("pass", "32"), ("fail", "1;31"), ("inconclusive", "1;33"), ("ungated", "33")]
)
def test_verdict_has_its_colour_where_colours_are_wanted(status: str, code: str) -> None:
    assert f"\x1b[{code}m{status}" in summary_table([row(status=status)], color=True, width=160)
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
    lines = closing_lines([run_of(), run_of(engine="manual")], [], [], [], [])
    assert lines[0] == f"mrpc: tiny-bert on bundled (64 train, 32 evaluated rows), {SYNTHETIC}"
    assert lines[1:] == [
        "model of mrpc, manual, seed 0: /store/abc/model",
        "model of mrpc, trainer, seed 0: /store/abc/model",
    ]


def test_real_data_is_not_called_synthetic() -> None:
    assert SYNTHETIC not in closing_lines([run_of(synthetic=False, data="hub glue/mrpc")], [], [], [], [])[0]


def test_many_folders_are_left_out() -> None:
    runs = [run_of(seed=seed) for seed in range(5)]
    assert len([line for line in closing_lines(runs[:4], [], [], [], []) if "model of" in line]) == 4
    assert not [line for line in closing_lines(runs, [], [], [], []) if "model of" in line]


def test_notes_idle_tasks_and_the_document_are_named() -> None:
    told = "ftcheck/rte::test_training[finite_loss-trainer]"
    lines = closing_lines([], ["entry abc was not whole"], ["rte"], [told], ["out.json"])
    assert lines == [
        "entry abc was not whole",
        "rte: no test ran for this task; the session fails.",
        f"{told}: other tests left their failure to this test, but it did not fail; the session fails.",
        "all results are in out.json",
    ]


def check_of(name: str, outcome: Outcome = "passed", reason: str | None = None, task: str = "mrpc") -> JudgedRecord:
    return JudgedRecord(task=task, check=name, engine="trainer", outcome=outcome, reason=reason)


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
