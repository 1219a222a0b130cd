"""Gates in a session: intervals, strictness, slices, refused floors."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.plugin.conftest import GateSession, MadeUpRuns

pytestmark = pytest.mark.usefixtures("few_checks")

ROWS = 400


@pytest.fixture
def refused(project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]) -> Callable[..., str]:
    """Run a session that must be a usage error; return its message."""

    def run(text: str, *options: str) -> str:
        project.makefile(".toml", ftcheck=f"max_train_rows = 64\n{text}\n")
        result = run_pytest("--ftcheck-task=sst2", *options)
        assert result.ret == pytest.ExitCode.USAGE_ERROR, result.stdout.str()
        assert len(result.stderr.str().strip().splitlines()) == 1
        return result.stderr.str()

    return run


@pytest.mark.parametrize(("floor", "status", "code"), [(0.85, "pass", 0), (0.91, "inconclusive", 0), (0.97, "fail", 1)])
def test_a_floor_is_judged_with_its_uncertainty(
    gate_session: GateSession, floor: float, status: str, code: int
) -> None:
    found = gate_session(f"accuracy = {floor}")
    assert found["exit_status"] == code
    (gate,) = found["gates"]
    assert (gate["status"], gate["value"], gate["rows"], gate["interval_method"]) == (status, 0.925, ROWS, "wilson")
    assert gate["interval"] == pytest.approx([0.8950, 0.9469], abs=1e-4)
    assert gate["smallest_drop"] == pytest.approx(0.0371, abs=1e-4)
    row = rf"^ sst2 +trainer +accuracy +0\.9250 +0\.8950 to 0\.9470 +{floor:.4f} +{status} +0\.0372 +400 +1\.5$"
    assert re.search(row, found["output"], re.MULTILINE)


def test_what_is_inconclusive_passes_with_a_line_that_says_so(gate_session: GateSession) -> None:
    found = gate_session("accuracy = 0.91")
    (warning,) = found["warnings"]
    assert warning["nodeid"] == "ftcheck/sst2::test_metric_floor[accuracy-trainer]"
    assert (
        "WARNING, inconclusive: accuracy of sst2 with tiny-bert on bundled (400 rows): expected at least 0.9100, "
        "observed 0.9250 (95% interval 0.8950 to 0.9470), inconclusive: the floor is inside\n"
        "  Inconclusive gates pass; --ftcheck-strict makes them fail.\n"
    ) in found["output"]
    assert "1 passed" in found["output"]
    assert "warning" not in found["output"].splitlines()[-1]  # none of Python's


def test_strict_makes_it_fail(gate_session: GateSession) -> None:
    found = gate_session("accuracy = 0.91", "--ftcheck-strict")
    assert found["exit_status"] == pytest.ExitCode.TESTS_FAILED
    (finding,) = found["findings"]
    assert finding["check"] == "metrics.floor"
    assert "with --ftcheck-strict this fails" in finding["hint"]
    assert found["warnings"] == []
    assert gate_session("accuracy = 0.85", "--ftcheck-strict")["exit_status"] == 0


@pytest.mark.parametrize(
    ("floor", "rows", "status"), [(0.92, 400, "pass"), (0.93, 400, "fail"), (0.92, 872, "inconclusive")]
)
def test_a_calibrated_floor_is_judged_by_the_value(
    gate_session: GateSession, floor: float, rows: int, status: str
) -> None:
    seeds = f"calibrated = {{ mean = 0.93, spread = 0.004, seeds = 10, rows = {rows} }}"
    found = gate_session(f"accuracy = {{ min = {floor}, {seeds} }}")
    assert found["gates"][0]["status"] == status
    # On other rows it is a floor like any other.
    assert (f"{floor:.4f} (10 seeds)" in found["output"]) == (rows == ROWS)


def test_calibration_error_and_brier_score_have_ceilings(gate_session: GateSession, made_up_runs: MadeUpRuns) -> None:
    made_up_runs.margins = (4.0, 4.0)  # 98% sure of every row
    found = gate_session("accuracy = 0.8\nexpected_calibration_error = { max = 0.02 }\nbrier_score = { max = 0.2 }")
    assert [(gate["metric"], gate["status"]) for gate in found["gates"]] == [
        ("accuracy", "pass"),
        ("expected_calibration_error", "fail"),
        ("brier_score", "pass"),
    ]
    (finding,) = found["findings"]
    assert (finding["check"], finding["expected"]) == ("metrics.ceiling", "at most 0.0200")
    assert finding["observed"].startswith("0.0570, 0.0370 over (95% interval ")


def test_slices_are_rows_of_the_summary_with_limits_of_their_own(gate_session: GateSession) -> None:
    table = 'accuracy = { min = 0.8, slices = { "class=positive" = 0.99, length = 0.5 } }'
    found = gate_session(table, card='slices = ["class", "length"]')
    assert found["exit_status"] == pytest.ExitCode.TESTS_FAILED
    gates = {gate["slice"]: gate for gate in found["gates"]}
    assert list(gates)[:3] == ["", "class=negative", "class=positive"]
    assert {name: gate["status"] for name, gate in gates.items() if not name.startswith("length")} == {
        "": "pass",
        "class=negative": "ungated",
        "class=positive": "fail",
    }
    bands = [gate for name, gate in gates.items() if name.startswith("length")]
    assert sum(gate["rows"] for gate in bands) == ROWS
    assert {gate["status"] for gate in bands} == {"pass"}
    row = r"^ sst2 +trainer +accuracy, class=positive +0\.9\d+ +0\.\d+ to 0\.\d+ +0\.9900 +fail"
    assert re.search(row, found["output"], re.MULTILINE)
    (finding,) = found["findings"]
    assert "class=positive" in finding["subject"]


def test_everything_that_is_red_is_told_at_once(gate_session: GateSession) -> None:
    found = gate_session("accuracy = { min = 0.98, slices = { class = 0.99 } }", card='slices = ["class"]')
    assert [finding["expected"] for finding in found["findings"]] == [
        "at least 0.9800",
        "at least 0.9900",
        "at least 0.9900",
    ]


def test_a_nan_is_red(gate_session: GateSession, made_up_runs: MadeUpRuns) -> None:
    made_up_runs.broken[0] = {"accuracy": math.nan}
    made_up_runs.logits[0] = np.full((ROWS, 2), math.nan, dtype=np.float32)
    found = gate_session("accuracy = 0.8")
    assert found["exit_status"] == pytest.ExitCode.TESTS_FAILED
    assert found["gates"][0]["value"] == "nan"
    assert "nan, not a finite number" in found["findings"][0]["observed"]


# Limits that gate nothing, and names that are wrong: exit code 4, before anything is trained


def test_a_floor_that_a_trivial_classifier_reaches_is_refused(refused: Callable[..., str]) -> None:
    message = refused("tasks.sst2.floors.tiny.tiny-bert.accuracy = 0.55")
    assert message.startswith("ERROR: task card 'sst2': the floor 0.5500 for accuracy has no effect: 'always positive")
    assert "A floor must be above 0.5" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tasks.sst2.floors.acuracy = { min = 0.9 }", "unknown metric 'acuracy'. Did you mean 'accuracy'?"),
        ("tasks.sst2.floors.accuracy = { mim = 0.9 }", "unknown key of a limit: 'mim'. Did you mean 'min'?"),
        ('tasks.sst2.slices = ["sentense"]', "unknown column 'sentense'. Did you mean 'sentence'?"),
        ('tasks.sst2.slicse = ["class"]', "unknown key 'slicse'. Did you mean 'slices'?"),
        (
            'tasks.sst2.slices = ["class"]\ntasks.sst2.floors.tiny.tiny-bert.accuracy.slices = { "class=good" = 0.9 }',
            "limits of accuracy: unknown slice 'class=good'. Did you mean 'class=positive'? Known: class=negative",
        ),
        (
            "tasks.sst2.floors.tiny.tiny-bert.accuracy.slices = { genre = 0.9 }",
            "floors.tiny.tiny-bert.accuracy.slices: unknown slice 'genre'",
        ),
    ],
)
def test_a_wrong_name_is_one_message_with_the_closest_match(
    refused: Callable[..., str], text: str, expected: str
) -> None:
    assert expected in refused(text)


def test_floors_are_not_looked_at_where_nothing_is_gated(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    project.makefile(".toml", ftcheck="max_train_rows = 8\ntasks.sst2.floors.tiny.tiny-bert.accuracy = 0.1\n")
    assert run_pytest("--ftcheck-task=sst2", "--ftcheck-checks=collator").ret == pytest.ExitCode.OK
