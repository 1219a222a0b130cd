"""Gates in a session: intervals, strictness, slices, refused floors, several seeds, and users' own tests."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.runs.run import Run
from pytest_ftcheck.runs.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline

    Session = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.usefixtures("few_checks")

ROWS = 400
MARGIN = 4.0
"""Logits are this far apart: a model that is 98% sure of every row."""


def stub(pipeline: Pipeline, right: float, engine: str, seed: int) -> Run:
    """Make a run that is right in so many rows of each class; none for NaN."""
    label_ids = np.asarray(pipeline.eval_dataset["labels"])
    logits = np.full((len(label_ids), 2), math.nan, dtype=np.float32)
    if math.isfinite(right):
        place = np.concatenate([np.flatnonzero(label_ids == label) for label in (0, 1)])
        order = np.argsort(place, kind="stable")
        even = (order * 997) % len(order)
        predictions = np.where(even < right, label_ids, 1 - label_ids)
        logits = np.eye(2, dtype=np.float32)[predictions] * MARGIN
    accuracy = float((logits.argmax(-1) == label_ids).mean()) if math.isfinite(right) else math.nan
    return Run(
        task=pipeline.card.name,
        engine=engine,
        seed=seed,
        head=pipeline.card.head,
        checkpoint=pipeline.checkpoint.name,
        metrics={"accuracy": accuracy, "loss": 0.5},
        epochs=(),
        best_epoch=None,
        step_losses=(0.5,),
        log_history=(),
        logits=logits,
        label_ids=label_ids,
        train_rows=len(pipeline.train_dataset),
        timings={"train": 1.5},
        environment={},
        trace=Trace(),
        folder=Path(f"/store/{engine}{seed}"),
    )


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> dict[int, float]:
    """Rows that are right, by seed: nothing is trained. A seed without an entry diverges."""
    right: dict[int, float] = {0: 370}

    def launch(pipeline: Pipeline, _: Any, __: Any, *, engine: str, seed: int, listener: Any) -> Run:
        del listener
        if seed not in right:
            raise CheckFailure([Finding("training.finite_loss", "sst2", "finite", "nan at step 3")])
        return stub(pipeline, right[seed], engine, seed)

    monkeypatch.setattr("pytest_ftcheck.training.launch.launch", launch)
    return right


@pytest.fixture
def session(project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult], runs: dict[int, float]) -> Session:
    """Run the gates of sst2 with some floors; return the JSON document with ``output``."""
    del runs

    def run(floors: str, *options: str, card: str = "") -> dict[str, Any]:
        text = f"max_train_rows = 64\n[tasks.sst2]\n{card}\n[tasks.sst2.floors.tiny.tiny-bert]\n{floors}\n"
        project.makefile(".toml", ftcheck=text)
        checks = [] if any(option.startswith("--ftcheck-checks") for option in options) else ["metrics"]
        chosen = [f"--ftcheck-checks={','.join(checks)}"] if checks else []
        result = run_pytest("--ftcheck-task=sst2", "--ftcheck-json=out.json", *chosen, *options)
        assert result.ret != pytest.ExitCode.USAGE_ERROR, result.stderr.str()
        document: dict[str, Any] = json.loads((project.path / "out.json").read_text(encoding="utf-8"))
        assert document["exit_status"] == result.ret
        return document | {"output": result.stdout.str()}

    return run


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
def test_a_floor_is_judged_with_its_uncertainty(session: Session, floor: float, status: str, code: int) -> None:
    found = session(f"accuracy = {floor}")
    assert found["exit_status"] == code
    (gate,) = found["gates"]
    assert (gate["status"], gate["value"], gate["rows"], gate["interval_method"]) == (status, 0.925, ROWS, "wilson")
    assert gate["interval"] == pytest.approx([0.8950, 0.9469], abs=1e-4)
    assert gate["smallest_drop"] == pytest.approx(0.0371, abs=1e-4)
    row = rf"^ sst2 +trainer +accuracy +0\.9250 +0\.8950 to 0\.9470 +{floor:.4f} +{status} +0\.0372 +400 +1\.5$"
    assert re.search(row, found["output"], re.MULTILINE)


def test_what_is_inconclusive_passes_with_a_line_that_says_so(session: Session) -> None:
    found = session("accuracy = 0.91")
    (warning,) = found["warnings"]
    assert warning["nodeid"] == "ftcheck/sst2::test_metric_floor[accuracy-trainer]"
    assert (
        "WARNING, inconclusive: accuracy of sst2 with tiny-bert on bundled (400 rows): expected at least 0.9100, "
        "observed 0.9250 (95% interval 0.8950 to 0.9470), inconclusive: the floor lies inside\n"
        "  Inconclusive gates pass; --ftcheck-strict makes them fail.\n"
    ) in found["output"]
    assert "1 passed" in found["output"]
    assert "warning" not in found["output"].splitlines()[-1]  # none of Python's


def test_strict_makes_it_fail(session: Session) -> None:
    found = session("accuracy = 0.91", "--ftcheck-strict")
    assert found["exit_status"] == pytest.ExitCode.TESTS_FAILED
    (finding,) = found["findings"]
    assert finding["check"] == "metrics.floor"
    assert "--ftcheck-strict makes this a failure" in finding["hint"]
    assert found["warnings"] == []
    assert session("accuracy = 0.85", "--ftcheck-strict")["exit_status"] == 0


@pytest.mark.parametrize(
    ("floor", "rows", "status"), [(0.92, 400, "pass"), (0.93, 400, "fail"), (0.92, 872, "inconclusive")]
)
def test_a_calibrated_floor_is_judged_by_the_value(session: Session, floor: float, rows: int, status: str) -> None:
    seeds = f"calibrated = {{ mean = 0.93, spread = 0.004, seeds = 10, rows = {rows} }}"
    found = session(f"accuracy = {{ min = {floor}, {seeds} }}")
    assert found["gates"][0]["status"] == status
    # On other rows it is a floor like any other.
    assert (f"{floor:.4f} (10 seeds)" in found["output"]) == (rows == ROWS)


def test_calibration_error_and_brier_score_have_ceilings(session: Session) -> None:
    found = session("accuracy = 0.8\nexpected_calibration_error = { max = 0.02 }\nbrier_score = { max = 0.2 }")
    assert [(gate["metric"], gate["status"]) for gate in found["gates"]] == [
        ("accuracy", "pass"),
        ("expected_calibration_error", "fail"),
        ("brier_score", "pass"),
    ]
    (finding,) = found["findings"]
    assert (finding["check"], finding["expected"]) == ("metrics.ceiling", "at most 0.0200")
    assert finding["observed"].startswith("0.0570, 0.0370 over (95% interval ")


def test_slices_are_rows_of_the_summary_with_limits_of_their_own(session: Session) -> None:
    table = 'accuracy = { min = 0.8, slices = { "class=positive" = 0.99, length = 0.5 } }'
    found = session(table, card='slices = ["class", "length"]')
    assert found["exit_status"] == pytest.ExitCode.TESTS_FAILED
    gates = {gate["slice"]: gate for gate in found["gates"]}
    assert list(gates)[:3] == ["", "class=negative", "class=positive"]
    assert {name: gate["status"] for name, gate in gates.items() if not name.startswith("length")} == {
        "": "pass",
        "class=negative": "no floor",
        "class=positive": "fail",
    }
    bands = [gate for name, gate in gates.items() if name.startswith("length")]
    assert sum(gate["rows"] for gate in bands) == ROWS
    assert {gate["status"] for gate in bands} == {"pass"}
    row = r"^ sst2 +trainer +accuracy, class=positive +0\.9\d+ +0\.\d+ to 0\.\d+ +0\.9900 +fail"
    assert re.search(row, found["output"], re.MULTILINE)
    (finding,) = found["findings"]
    assert "class=positive" in finding["subject"]


def test_everything_that_is_red_is_told_at_once(session: Session) -> None:
    found = session("accuracy = { min = 0.98, slices = { class = 0.99 } }", card='slices = ["class"]')
    assert [finding["expected"] for finding in found["findings"]] == [
        "at least 0.9800",
        "at least 0.9900",
        "at least 0.9900",
    ]


def test_a_nan_is_red(session: Session, runs: dict[int, float]) -> None:
    runs[0] = math.nan
    found = session("accuracy = 0.8")
    assert found["exit_status"] == pytest.ExitCode.TESTS_FAILED
    assert found["gates"][0]["value"] == "nan"
    assert "nan, not a finite number" in found["findings"][0]["observed"]


# Limits that gate nothing, and names that are wrong: exit code 4, before anything is trained


def test_a_floor_that_a_trivial_classifier_reaches_is_refused(refused: Callable[..., str]) -> None:
    message = refused("tasks.sst2.floors.tiny.tiny-bert.accuracy = 0.55")
    assert message.startswith("ERROR: task card 'sst2': the floor 0.5500 for accuracy gates nothing: 'always positive")
    assert "A floor must stand above 0.5" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tasks.sst2.floors.acuracy = { min = 0.9 }", "unknown metric 'acuracy'. Did you mean 'accuracy'?"),
        ("tasks.sst2.floors.accuracy = { mim = 0.9 }", "unknown key of a limit: 'mim'. Did you mean 'min'?"),
        ('tasks.sst2.slices = ["sentense"]', "no column 'sentense'. Did you mean 'sentence'?"),
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


# Several seeds

SEEDS = ("--ftcheck-seeds=0-4",)


def test_over_several_seeds_the_mean_gates_and_single_seeds_inform(session: Session, runs: dict[int, float]) -> None:
    runs |= {0: 352, 1: 372, 2: 370, 3: 371, 4: 373}  # seed 0 alone would be red
    found = session("accuracy = 0.89", *SEEDS)
    assert found["exit_status"] == 0, found["output"]
    assert {gate["informs"] for gate in found["gates"]} == {True}
    (mean,) = found["seed_gates"]
    assert mean["value"] == pytest.approx(sum(runs.values()) / 5 / ROWS)
    assert (mean["worst_seed"], mean["failed"], mean["status"]) == (0, [], "inconclusive")
    assert mean["values"] == {str(seed): runs[seed] / ROWS for seed in range(5)}
    assert re.search(r"^ sst2 +trainer +0 +accuracy +0\.8800 .*\(inconclusive\)", found["output"], re.MULTILINE)
    assert re.search(r"^ sst2 +trainer +mean of 5 +accuracy +0\.9190 .* inconclusive", found["output"], re.MULTILINE)
    assert "sst2, trainer: accuracy over 5 seeds: worst seed 0 (0.8800), none failed" in found["output"]


@pytest.mark.parametrize(
    ("floor", "status", "code"), [(0.90, "pass", 0), (0.924, "inconclusive", 0), (0.95, "fail", 1)]
)
def test_the_mean_is_judged_by_its_one_sided_bound(
    session: Session, runs: dict[int, float], floor: float, status: str, code: int
) -> None:
    runs |= {0: 369, 1: 370, 2: 371, 3: 370, 4: 370}
    found = session(f"accuracy = {floor}", *SEEDS)
    assert found["exit_status"] == code
    (mean,) = found["seed_gates"]
    assert mean["status"] == status
    low, high = mean["interval"]
    assert mean["bounds"][0] < low < mean["value"] < high < mean["bounds"][1]
    # No test is red: it is the session.
    assert {check["outcome"] for check in found["checks"]} == {"passed"}
    if status == "fail":
        assert (
            "metrics.seeds: accuracy of sst2 with tiny-bert on bundled, trainer, 5 seeds (400 rows)" in found["output"]
        )
        assert "the recipe got worse, not one seed" in found["output"]
        assert [finding["check"] for finding in mean["findings"]] == ["metrics.seeds"]


def test_strict_makes_an_inconclusive_mean_fail(session: Session, runs: dict[int, float]) -> None:
    runs |= {0: 369, 1: 370, 2: 371, 3: 370, 4: 370}
    assert len(session("accuracy = 0.924", *SEEDS)["warnings"]) == 1
    found = session("accuracy = 0.924", *SEEDS, "--ftcheck-strict")
    assert found["exit_status"] == pytest.ExitCode.TESTS_FAILED
    assert found["warnings"] == []


@pytest.mark.parametrize("how", ["nan", "diverged", "one class"])
def test_a_failed_run_fails_the_session_and_does_not_move_the_mean(
    session: Session, runs: dict[int, float], how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs |= {0: 370, 1: 371, 2: 369, 3: 370, 4: math.nan}
    if how == "diverged":
        del runs[4]
    if how == "one class":
        whole = stub

        def constant(pipeline: Pipeline, right: float, engine: str, seed: int) -> Run:
            from dataclasses import replace

            run = whole(pipeline, 200, engine, seed)
            logits = np.tile(np.array([0, 1], dtype=np.float32), (ROWS, 1))
            return replace(run, logits=logits) if math.isnan(right) else whole(pipeline, right, engine, seed)

        monkeypatch.setitem(globals(), "stub", constant)
    found = session("accuracy = 0.9", *SEEDS)
    assert found["exit_status"] == pytest.ExitCode.TESTS_FAILED
    (mean,) = found["seed_gates"]
    assert (mean["failed"], mean["status"], mean["value"]) == ([4], "fail", pytest.approx(0.925))
    assert [finding["check"] for finding in mean["findings"]] == ["metrics.failed_runs"]
    assert "1 failed: seed 4" in found["output"]


def test_a_calibration_knows_how_often_runs_fail(session: Session, runs: dict[int, float]) -> None:
    runs |= {0: 370, 1: 371, 2: 369, 3: 370, 4: math.nan}
    seeds = "calibrated = { mean = 0.925, spread = 0.003, seeds = 17, failed = 3, rows = 400 }"
    (mean,) = session(f"accuracy = {{ min = 0.91, {seeds} }}", *SEEDS)["seed_gates"]
    assert mean["status"] == "inconclusive"


def test_slices_are_gated_over_seeds_as_well(session: Session, runs: dict[int, float]) -> None:
    runs |= {0: 369, 1: 370, 2: 371, 3: 370, 4: 370}
    found = session("accuracy = { slices = { class = 0.99 } }", *SEEDS, card='slices = ["class"]')
    assert [(mean["slice"], mean["status"]) for mean in found["seed_gates"]] == [
        ("class=negative", "fail"),
        ("class=positive", "fail"),
    ]
    assert found["exit_status"] == pytest.ExitCode.TESTS_FAILED


def test_seeds_that_were_left_out_are_not_missing(session: Session, runs: dict[int, float]) -> None:
    runs |= {0: 369, 1: 370, 2: 371}
    found = session("accuracy = 0.9", *SEEDS, "-k", "seed0 or seed1 or seed2")
    assert found["exit_status"] == 0
    assert list(found["seed_gates"][0]["values"]) == ["0", "1", "2"]


@pytest.mark.parametrize(("rows", "status", "code"), [(366, "pass", 0), (330, "fail", 1)])
def test_the_seed_in_the_middle_is_compared_with_the_baseline(
    session: Session, runs: dict[int, float], rows: int, status: str, code: int
) -> None:
    floors = "accuracy = { min = 0.7, max_drop = 0.02 }"
    runs |= {0: 370, 1: rows - 1, 2: rows, 3: rows + 1}
    accepted = session(floors, "--ftcheck-update-baseline=force", "--ftcheck-reason=first")
    assert accepted["exit_status"] == 0, accepted["output"]
    found = session(floors, "--ftcheck-seeds=1-3")
    assert found["exit_status"] == code, found["output"]
    (mean,) = found["seed_gates"]
    assert (mean["status"], mean["drop"]["seed"], mean["drop"]["status"]) == (status, 2, status)
    assert mean["drop"]["drop"] == pytest.approx((370 - rows) / ROWS)
    checks = [finding["check"] for finding in mean["findings"]]
    assert checks == (["metrics.baseline"] if code else [])
    if code:
        assert "(400 rows), seed 2, in the middle of 3 seeds\n" in found["output"]


# Users' own tests


@pytest.fixture
def run_tests(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult], runs: dict[int, float]
) -> Callable[..., tuple[pytest.RunResult, dict[str, Any]]]:
    """Run tests of a user, without the suite; return the result, and the JSON document."""
    del runs
    project.makefile(".toml", ftcheck="max_train_rows = 64\ntasks.sst2.floors.tiny.tiny-bert.accuracy = 0.8\n")

    def run(source: str, *options: str) -> tuple[pytest.RunResult, dict[str, Any]]:
        path = project.makepyfile("import pytest\nsst2 = pytest.mark.ftcheck(task='sst2')\n\n" + source)
        result = run_pytest(path, "--ftcheck-json=out.json", *options)
        return result, json.loads((project.path / "out.json").read_text(encoding="utf-8"))

    return run


def test_ft_gate_judges_a_run_by_the_card_and_by_what_is_given(run_tests: Callable[..., Any]) -> None:
    result, document = run_tests("""
@sst2
def test_own(ft_run, ft_gate):
    ft_gate(ft_run)
    ft_gate(ft_run.metrics, {"accuracy": 0.97, "brier_score": {"max": 0.001}, "recall_at_3": 0.5})
""")
    result.assert_outcomes(failed=1)
    assert [(gate["metric"], gate["floor"], gate["status"]) for gate in document["gates"]] == [
        ("accuracy", 0.8, "pass"),
        ("accuracy", 0.97, "fail"),
        ("brier_score", 0.001, "fail"),
        ("recall_at_3", 0.5, "fail"),
    ]
    checks = [(finding["check"], finding["subject"].partition(" ")[0]) for finding in document["findings"]]
    assert checks == [
        ("metrics.floor", "accuracy"),
        ("metrics.ceiling", "brier_score"),
        ("metrics.floor", "recall_at_3"),
    ]
    assert "nan, not a finite number" in document["findings"][2]["observed"]
    result.stdout.no_fnmatch_line("*Traceback*")


def test_ft_gate_judges_any_metrics_without_a_task(run_tests: Callable[..., Any]) -> None:
    result, document = run_tests("""
def test_fine(ft_gate):
    ft_gate({"exact_match": 0.71, "word_error_rate": 0.1}, {"exact_match": 0.7, "word_error_rate": {"max": 0.2}})

def test_bad(ft_gate):
    ft_gate({"exact_match": 0.69, "latency": 9.0}, {"exact_match": {"min": 0.7}, "latency": {"max": 5}})
""")
    result.assert_outcomes(passed=1, failed=1)
    assert [finding["subject"] for finding in document["findings"]] == [
        "exact_match of test_bad",
        "latency of test_bad",
    ]
    assert {(gate["interval"], gate["rows"]) for gate in document["gates"]} == {(None, 0)}


def test_ft_gate_misses_what_a_run_does_not_report(run_tests: Callable[..., Any]) -> None:
    result, document = run_tests("""
from dataclasses import replace

@sst2
def test_own(ft_run, ft_gate): ft_gate(replace(ft_run, metrics={"loss": 0.1}))
""")
    result.assert_outcomes(failed=1)
    (finding,) = document["findings"]
    assert finding["observed"] == "nan, not a finite number"


MARKED = """
@sst2
@pytest.mark.ftcheck_floor("accuracy", min=FLOOR)
def test_own(ft_run): pass
"""


@pytest.mark.parametrize(("floor", "outcome"), [(0.85, "passed"), (0.91, "passed"), (0.97, "failed")])
def test_a_marker_alone_judges_the_run(run_tests: Callable[..., Any], floor: float, outcome: str) -> None:
    result, document = run_tests(MARKED.replace("FLOOR", str(floor)))
    result.assert_outcomes(**{outcome: 1})
    assert [gate["floor"] for gate in document["gates"]] == [floor]
    assert len(document["warnings"]) == (floor == 0.91)
    strict, _ = run_tests(MARKED.replace("FLOOR", str(floor)), "--ftcheck-strict")
    strict.assert_outcomes(**{"passed" if floor == 0.85 else "failed": 1})


def test_a_marker_is_not_judged_twice(run_tests: Callable[..., Any]) -> None:
    result, document = run_tests("""
@sst2
@pytest.mark.ftcheck_floor("accuracy", min=0.85)
@pytest.mark.ftcheck_floor("brier_score", max=0.1)
def test_own(ft_run, ft_gate): ft_gate({"accuracy": ft_run.metrics["accuracy"], "brier_score": 0.05})
""")
    result.assert_outcomes(passed=1)
    assert sorted((gate["metric"], gate["floor"]) for gate in document["gates"]) == [
        ("accuracy", 0.85),
        ("brier_score", 0.1),
    ]


MISUSED = [
    ('@sst2\n@pytest.mark.ftcheck_floor("accuracy", min=0.9)\ndef test_own(): pass', "the test must take ft_run"),
    ('@pytest.mark.ftcheck_floor("accuracy", min=0.9)\ndef test_own(): pass', "nothing was judged"),
    ("@sst2\n@pytest.mark.ftcheck_floor(min=0.9)\ndef test_own(ft_run): pass", "takes one metric and its limits"),
    ('@sst2\n@pytest.mark.ftcheck_floor("accuracy", mni=0.9)\ndef test_own(ft_run): pass', "Did you mean 'min'?"),
    (
        '@sst2\n@pytest.mark.ftcheck_floor("accuracy", min=0.5)\ndef test_own(ft_run): pass',
        "0.5000 for accuracy gates nothing",
    ),
    ("@sst2\ndef test_own(ft_gate): ft_gate({'f2': 0.9})", "no limit for f2. Give some"),
    ("def test_own(ft_gate): ft_gate({'f2': 0.9}, {'f2': {'max_drop': 0.1}})", "a baseline and slices are of rows"),
]


@pytest.mark.parametrize(("source", "expected"), MISUSED)
def test_a_gate_that_gates_nothing_is_misuse(run_tests: Callable[..., Any], source: str, expected: str) -> None:
    result, _ = run_tests(source)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert expected in result.stdout.str()
    result.stdout.no_fnmatch_line("*Traceback*")


def test_ft_baseline_is_none_where_nothing_was_accepted(run_tests: Callable[..., Any]) -> None:
    result, _ = run_tests("@sst2\ndef test_own(ft_baseline): assert ft_baseline is None")
    result.assert_outcomes(passed=1)
