"""``--ftcheck-calibrate``: seeds become limits for the card, printed, and on request written."""

from __future__ import annotations

import json
import math
import tomllib
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.plugin.conftest import MadeUpRuns

    Session = Callable[..., tuple[pytest.RunResult, dict[str, Any]]]

SETTINGS = """\
# quick
max_train_rows = 64
max_eval_rows = 200
seeds = "0-1"  # of every session but a calibration"""


@pytest.fixture
def session(project: pytest.Pytester, made_up_runs: MadeUpRuns) -> Session:
    """Calibrate over made-up runs; return what was printed and the JSON document."""
    made_up_runs.wrong = 0.05
    project.makefile(".toml", ftcheck=SETTINGS)

    def run(*options: str) -> tuple[pytest.RunResult, dict[str, Any]]:
        path = project.path / "out.json"
        path.unlink(missing_ok=True)
        options = ("--ftcheck-task=mrpc", "--ftcheck-json=out.json", *options)
        result = project.runpytest_inprocess(*options)
        return result, json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    return run


def test_seeds_become_limits_that_are_printed(
    session: Session, made_up_runs: MadeUpRuns, project: pytest.Pytester
) -> None:
    result, document = session("--ftcheck-calibrate=5")
    assert result.ret == pytest.ExitCode.OK
    assert made_up_runs.made == [("mrpc", "trainer", seed) for seed in range(5)]
    result.stdout.fnmatch_lines(
        [
            "*ftcheck: calibration*",
            "mrpc with tiny-bert, tier tiny:",
            "  accuracy: 5 seeds of mean 0.94*A healthy model stays at or above 0.9* in 99.0% of the sessions*",
            "  accuracy: a healthy run is at most 0.0* worse than another run of its recipe*",
            "for ftcheck.toml:",
            "[[]tasks.mrpc.floors.tiny.tiny-bert[]]",
            "accuracy = { min = 0.9*, max_drop = 0.0*, calibrated = { mean = 0.94*, seeds = 5, rows = 200, *",
            "f1 = { min = 0.9*",
        ]
    )
    (told,) = document["calibration"]
    printed = "\n".join(line for line in result.outlines if line.startswith(("accuracy =", "f1 =")))
    assert tomllib.loads(printed) == told["limits"]
    assert (project.path / "ftcheck.toml").read_text(encoding="utf-8") == SETTINGS


def test_written_limits_hold_in_the_next_session(
    session: Session, project: pytest.Pytester, made_up_runs: MadeUpRuns
) -> None:
    result, document = session("--ftcheck-calibrate=4", "--ftcheck-write-floors")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["written to *ftcheck.toml"])
    text = (project.path / "ftcheck.toml").read_text(encoding="utf-8")
    assert text.startswith(SETTINGS)
    floors = tomllib.loads(text)["tasks"]["mrpc"]["floors"]["tiny"]["tiny-bert"]
    assert floors == document["calibration"][0]["limits"]
    result, _ = session("--ftcheck-seeds=7", "--ftcheck-checks=metrics.floor")
    assert result.ret == pytest.ExitCode.OK
    made_up_runs.wrong = 0.15
    result, _ = session("--ftcheck-seeds=7", "--ftcheck-checks=metrics.floor")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*expected  at least 0.*, calibrated on 4 seeds of mean 0.9*"])


SLICED = f"""{SETTINGS}
[tasks.mrpc]
slices = ["class"]
[tasks.mrpc.floors.tiny.tiny-bert]
# by hand
accuracy = {{ min = 0.5, slices = {{ class = 0.5 }} }}  # all rows, and both classes
"""


def test_slices_that_the_card_limits_are_calibrated_and_judged_by_it(
    session: Session, project: pytest.Pytester, made_up_runs: MadeUpRuns
) -> None:
    path = project.makefile(".toml", ftcheck=SLICED)
    result, document = session("--ftcheck-calibrate=4", "--ftcheck-write-floors", "--junitxml=junit.xml")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        ["  accuracy, class=not_equivalent: 4 seeds of mean 0.9* (gates: 6; judged: 1 seed(s)*"]
    )
    text = path.read_text(encoding="utf-8")
    assert "# by hand\n" in text
    assert "# all rows, and both classes" in text
    written = tomllib.loads(text)["tasks"]["mrpc"]["floors"]["tiny"]["tiny-bert"]
    proposed = document["calibration"][0]["limits"]["accuracy"]["slices"]
    assert proposed.keys() == {"class=not_equivalent", "class=equivalent"}
    assert written["accuracy"]["slices"] == {"class": 0.5, **proposed}
    assert sum(part["calibrated"]["rows"] for part in proposed.values()) == 200
    assert "<failure" not in (project.path / "junit.xml").read_text(encoding="utf-8")
    result, document = session("--ftcheck-seeds=7", "--ftcheck-checks=metrics.floor")
    assert result.ret == pytest.ExitCode.OK
    parts = [gate for gate in document["gates"] if gate["slice"]]
    assert {(gate["status"], gate["limits"]["calibrated"]["seeds"]) for gate in parts} == {("pass", 4)}
    made_up_runs.wrong = 0.15
    result, _ = session("--ftcheck-seeds=7", "--ftcheck-checks=metrics.floor")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*accuracy of mrpc *, class=*equivalent (* rows)"])


def test_a_slice_that_is_not_there_is_said_before_anything_trains(
    session: Session, project: pytest.Pytester, made_up_runs: MadeUpRuns
) -> None:
    project.makefile(".toml", ftcheck=SLICED.replace("class = 0.5", '"class=nope" = 0.5'))
    result, _ = session("--ftcheck-calibrate=3")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["*unknown slice 'class=nope'*"])
    assert made_up_runs.made == []


def test_limits_for_the_mean_of_several_seeds_judge_sessions_of_as_many(
    session: Session, project: pytest.Pytester
) -> None:
    result, document = session("--ftcheck-calibrate=5", "--ftcheck-calibrate-runs=3", "--ftcheck-write-floors")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "  accuracy: 5 seeds of mean * (gates: 6; judged: the mean of 3 seeds; *",
            "  The limits judge the mean of at least 3 seeds: --ftcheck-seeds=0-2. With fewer seeds, they count *",
        ]
    )
    limits = document["calibration"][0]["limits"]["accuracy"]
    assert limits["calibrated"]["runs"] == 3
    assert "runs = 3" in (project.path / "ftcheck.toml").read_text(encoding="utf-8")
    for seeds, calibrated in (("10-12", True), ("10-11", False)):
        result, document = session(f"--ftcheck-seeds={seeds}", "--ftcheck-checks=metrics.floor")
        assert result.ret == pytest.ExitCode.OK
        mean = document["seed_gates"][0]
        assert (mean["metric"], mean["floor"]) == ("accuracy", limits["min"])
        assert (mean["limits"]["calibrated"] is not None) is calibrated


def test_the_junit_report_has_a_case_for_each_limit_that_is_refused(
    session: Session, made_up_runs: MadeUpRuns, project: pytest.Pytester
) -> None:
    made_up_runs.wrong = 0.4
    session("--ftcheck-calibrate=4", "--junitxml=junit.xml")
    tree = ET.parse(project.path / "junit.xml")  # noqa: S314 - written by the session above
    (failure,) = tree.iterfind(".//testcase[@name='limits[f1]']/failure")
    assert "for f1 has no effect" in (failure.text or "")
    session("--ftcheck-calibrate=4", "-k", "seed0", "--junitxml=junit.xml")
    (failure,) = ET.parse(project.path / "junit.xml").iter("failure")  # noqa: S314 - as above
    assert "not all of the 4 seeds of mrpc were trained" in failure.attrib["message"]


def test_seeds_of_the_command_line_are_taken(session: Session, made_up_runs: MadeUpRuns) -> None:
    session("--ftcheck-calibrate=3", "--ftcheck-seeds=20-22")
    assert [seed for *_, seed in made_up_runs.made] == [20, 21, 22]


def test_a_limit_that_a_trivial_classifier_reaches_is_refused_and_not_written(
    session: Session, made_up_runs: MadeUpRuns, project: pytest.Pytester
) -> None:
    made_up_runs.wrong = 0.4
    result, document = session("--ftcheck-calibrate=4", "--ftcheck-write-floors")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["  f1: no limit proposed: the floor 0.* for f1 has no effect: 'always *' scores*"])
    assert "f1" in document["calibration"][0]["refused"]
    assert "f1 =" not in (project.path / "ftcheck.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("broken", [{}, {"accuracy": math.nan, "f1": math.nan}], ids=["diverged", "nan"])
def test_a_seed_that_failed_is_left_out_and_told(
    session: Session, made_up_runs: MadeUpRuns, broken: dict[str, float | None]
) -> None:
    made_up_runs.broken[2] = broken
    result, document = session("--ftcheck-calibrate=4")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["  accuracy: 1 of 4 seeds failed and are left out*"])
    calibrated = document["calibration"][0]["limits"]["accuracy"]["calibrated"]
    assert (calibrated["seeds"], calibrated["failed"]) == (3, 1)


def test_a_recipe_that_fails_proposes_nothing(session: Session, made_up_runs: MadeUpRuns) -> None:
    made_up_runs.broken = {0: {}, 1: {}}
    result, _ = session("--ftcheck-calibrate=4", "--ftcheck-write-floors")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["  accuracy: no limit proposed: 2 of 4 seeds failed. Make the recipe train first*"])
    result.stdout.no_fnmatch_line("*written to*")


def test_a_few_of_the_seeds_propose_nothing(session: Session) -> None:
    result, _ = session("--ftcheck-calibrate=4", "-k", "seed0 or seed1")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["NOTHING PROPOSED: not all of the 4 seeds of mrpc were trained*"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--ftcheck-calibrate=2"], "expected an integer from 3 to 10000 of seeds to train"),
        (["--ftcheck-calibrate=ten"], "expected an integer from 3 to 10000 of seeds to train"),
        (["--ftcheck-calibrate=5", "--ftcheck-seeds=0-2"], "has 3 seeds: give the same number"),
        (["--ftcheck-calibrate", "--ftcheck-engine=both"], "--ftcheck-calibrate trains with one engine"),
        (["--ftcheck-calibrate", "--ftcheck-faults"], "--ftcheck-calibrate has no effect with --ftcheck-faults"),
        (["--ftcheck-calibrate", "--ftcheck-no-train"], "--ftcheck-no-train has no effect with --ftcheck-calibrate"),
        (["--ftcheck-write-floors"], "--ftcheck-write-floors writes the limits that --ftcheck-calibrate proposes"),
        (["--ftcheck-calibrate-runs=5"], "--ftcheck-calibrate-runs changes the limits"),
        (["--ftcheck-calibrate", "--ftcheck-calibrate-runs=0"], "expected an integer from 1 to 10000"),
    ],
    ids=range(9),
)
def test_misuse_is_said_before_anything_trains(
    session: Session, made_up_runs: MadeUpRuns, options: list[str], words: str
) -> None:
    result, _ = session(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert words in result.stderr.str()
    assert made_up_runs.made == []


@pytest.mark.parametrize("key", ["calibrate = 5", "write-floors = true", "update-baseline = true", 'reason = "x"'])
def test_what_is_done_once_does_not_stand_in_the_file(session: Session, project: pytest.Pytester, key: str) -> None:
    project.makefile(".toml", ftcheck=f"{key}\n")
    result, _ = session()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "unknown key in [tool.ftcheck]" in result.stderr.str()
