"""Several seeds are judged together at the end of a session."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.findings import Finding

if TYPE_CHECKING:
    from tests.plugin.conftest import GateSession, MadeUpRuns

ROWS = 400
SEEDS = ("--ftcheck-seeds=0-4",)


def test_over_several_seeds_the_mean_gates_and_single_seeds_inform(
    gate_session: GateSession, made_up_runs: MadeUpRuns
) -> None:
    made_up_runs.right |= {0: 352, 1: 372, 2: 370, 3: 371, 4: 373}  # seed 0 alone would be red
    found = gate_session("accuracy = 0.89", *SEEDS)
    assert found["exit_status"] == 0, found["output"]
    assert {gate["informs"] for gate in found["gates"]} == {True}
    (mean,) = found["seed_gates"]
    assert mean["value"] == pytest.approx(sum(made_up_runs.right.values()) / 5 / ROWS)
    assert (mean["worst_seed"], mean["failed"], mean["status"]) == (0, [], "inconclusive")
    assert mean["values"] == {str(seed): made_up_runs.right[seed] / ROWS for seed in range(5)}
    assert re.search(r"^ sst2 +trainer +0 +accuracy +0\.8800 .*\(inconclusive\)", found["output"], re.MULTILINE)
    assert re.search(r"^ sst2 +trainer +mean of 5 +accuracy +0\.9190 .* inconclusive", found["output"], re.MULTILINE)
    assert "sst2, trainer: accuracy over 5 seeds: worst seed 0 (0.8800), none failed" in found["output"]


@pytest.mark.parametrize(
    ("floor", "status", "code"), [(0.90, "pass", 0), (0.924, "inconclusive", 0), (0.95, "fail", 1)]
)
def test_the_mean_is_judged_by_its_one_sided_bound(
    gate_session: GateSession, made_up_runs: MadeUpRuns, floor: float, status: str, code: int
) -> None:
    made_up_runs.right |= {0: 369, 1: 370, 2: 371, 3: 370, 4: 370}
    found = gate_session(f"accuracy = {floor}", *SEEDS)
    assert found["exit_status"] == code
    (mean,) = found["seed_gates"]
    assert mean["status"] == status
    low, high = mean["interval"]
    assert mean["bounds"][0] < low < mean["value"] < high < mean["bounds"][1]
    # No test is red: it is the session.
    assert {check["outcome"] for check in found["checks"]} == {"passed"}
    if status == "fail":
        assert (
            "\nmetrics.seeds: accuracy of sst2 with tiny-bert on bundled, trainer, 5 seeds (400 rows)\n"
            in found["output"]
        )
        assert "the recipe got worse, not one seed" in found["output"]
        assert [finding["check"] for finding in mean["findings"]] == ["metrics.seeds"]


def junit_cases(project: pytest.Pytester) -> dict[str, tuple[str, dict[str, str]]]:
    """Text of the failure, if any, and properties of each case over several seeds, by class and name."""
    (suite,) = ET.parse(project.path / "junit.xml").getroot()  # noqa: S314 - written by the session before
    assert int(suite.attrib["tests"]) == len(suite)
    return {
        f"{case.attrib['classname']} {case.attrib['name']}": (
            "".join(failure.text or "" for failure in case.findall("failure")),
            {each.attrib["name"]: each.attrib["value"] for each in case.iter("property")},
        )
        for case in suite
        if "mean of" in case.attrib["name"]
    }


def test_the_junit_report_has_a_case_for_each_verdict(
    gate_session: GateSession, made_up_runs: MadeUpRuns, project: pytest.Pytester
) -> None:
    made_up_runs.right |= {0: 369, 1: 370, 2: 371, 3: 370, 4: 370}
    floors = 'accuracy = { min = 0.95, slices = { "class=negative" = 0.6 } }'
    found = gate_session(floors, *SEEDS, "--junitxml=junit.xml", card='slices = ["class"]')
    assert found["exit_status"] == pytest.ExitCode.TESTS_FAILED
    assert junit_cases(project) == {
        "ftcheck.sst2 test_metric_floor[accuracy-trainer-mean of 5 seeds]": (
            str(CheckFailure([Finding(**finding) for finding in found["seed_gates"][0]["findings"]])),
            {"accuracy": str(found["seed_gates"][0]["value"]), "accuracy_floor": "0.95"},
        ),
        "ftcheck.sst2 test_metric_floor[accuracy-class=negative-trainer-mean of 5 seeds]": (
            "",
            {"accuracy": str(found["seed_gates"][1]["value"]), "accuracy_floor": "0.6"},
        ),
    }
    # No test of pytest: the terminal counts those that ran.
    assert f"{len(found['checks'])} passed" in found["output"]


def test_an_inconclusive_mean_fails_in_the_junit_report_where_it_fails_the_session(
    gate_session: GateSession, made_up_runs: MadeUpRuns, project: pytest.Pytester
) -> None:
    made_up_runs.right |= {0: 369, 1: 370, 2: 371, 3: 370, 4: 370}
    for options, red in (((), False), (("--ftcheck-strict",), True)):
        gate_session("accuracy = 0.924", *SEEDS, "--junitxml=junit.xml", *options)
        ((failure, _),) = junit_cases(project).values()
        assert bool(failure) is red


def test_strict_makes_an_inconclusive_mean_fail(gate_session: GateSession, made_up_runs: MadeUpRuns) -> None:
    made_up_runs.right |= {0: 369, 1: 370, 2: 371, 3: 370, 4: 370}
    assert len(gate_session("accuracy = 0.924", *SEEDS)["warnings"]) == 1
    found = gate_session("accuracy = 0.924", *SEEDS, "--ftcheck-strict")
    assert found["exit_status"] == pytest.ExitCode.TESTS_FAILED
    assert found["warnings"] == []


@pytest.mark.parametrize("how", ["nan", "diverged", "one class"])
def test_a_failed_run_fails_the_session_and_does_not_move_the_mean(
    gate_session: GateSession, made_up_runs: MadeUpRuns, how: str
) -> None:
    made_up_runs.right |= {0: 370, 1: 371, 2: 369, 3: 370}
    if how == "nan":
        made_up_runs.broken[4] = {"accuracy": math.nan}
        made_up_runs.logits[4] = np.full((ROWS, 2), math.nan, dtype=np.float32)
    if how == "diverged":
        made_up_runs.broken[4] = {}
    if how == "one class":
        made_up_runs.logits[4] = np.tile(np.array([0, 1], dtype=np.float32), (ROWS, 1))
    found = gate_session("accuracy = 0.9", *SEEDS)
    assert found["exit_status"] == pytest.ExitCode.TESTS_FAILED
    (mean,) = found["seed_gates"]
    assert (mean["failed"], mean["status"], mean["value"]) == ([4], "fail", pytest.approx(0.925))
    assert [finding["check"] for finding in mean["findings"]] == ["metrics.failed_runs"]
    assert "1 failed: seed 4" in found["output"]


def test_a_calibration_knows_how_often_runs_fail(gate_session: GateSession, made_up_runs: MadeUpRuns) -> None:
    made_up_runs.right |= {0: 370, 1: 371, 2: 369, 3: 370}
    made_up_runs.broken[4] = {"accuracy": math.nan}
    seeds = "calibrated = { mean = 0.925, spread = 0.003, seeds = 17, failed = 3, rows = 400 }"
    (mean,) = gate_session(f"accuracy = {{ min = 0.91, {seeds} }}", *SEEDS)["seed_gates"]
    assert mean["status"] == "inconclusive"


def test_slices_are_gated_over_seeds_as_well(gate_session: GateSession, made_up_runs: MadeUpRuns) -> None:
    made_up_runs.right |= {0: 369, 1: 370, 2: 371, 3: 370, 4: 370}
    found = gate_session("accuracy = { slices = { class = 0.99 } }", *SEEDS, card='slices = ["class"]')
    assert [(mean["slice"], mean["status"]) for mean in found["seed_gates"]] == [
        ("class=negative", "fail"),
        ("class=positive", "fail"),
    ]
    assert found["exit_status"] == pytest.ExitCode.TESTS_FAILED


def test_seeds_that_were_left_out_are_not_missing(gate_session: GateSession, made_up_runs: MadeUpRuns) -> None:
    made_up_runs.right |= {0: 369, 1: 370, 2: 371}
    found = gate_session("accuracy = 0.9", *SEEDS, "-k", "seed0 or seed1 or seed2")
    assert found["exit_status"] == 0
    assert list(found["seed_gates"][0]["values"]) == ["0", "1", "2"]


@pytest.mark.parametrize(("rows", "status", "code"), [(366, "pass", 0), (330, "fail", 1)])
def test_the_seed_in_the_middle_is_compared_with_the_baseline(
    gate_session: GateSession, made_up_runs: MadeUpRuns, rows: int, status: str, code: int
) -> None:
    floors = "accuracy = { min = 0.7, max_drop = 0.02 }"
    made_up_runs.right |= {0: 370, 1: rows - 1, 2: rows, 3: rows + 1}
    accepted = gate_session(floors, "--ftcheck-update-baseline=force", "--ftcheck-reason=first")
    assert accepted["exit_status"] == 0, accepted["output"]
    found = gate_session(floors, "--ftcheck-seeds=1-3")
    assert found["exit_status"] == code, found["output"]
    (mean,) = found["seed_gates"]
    assert (mean["status"], mean["drop"]["seed"], mean["drop"]["status"]) == (status, 2, status)
    assert mean["drop"]["drop"] == pytest.approx((370 - rows) / ROWS)
    checks = [finding["check"] for finding in mean["findings"]]
    assert checks == (["metrics.baseline"] if code else [])
    if code:
        assert "(400 rows), seed 2, the median of 3 seeds\n" in found["output"]
