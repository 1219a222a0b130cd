"""Gates in users' own tests: ``ft_gate``, the marker ``ftcheck_floor``, ``ft_baseline``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.plugin.conftest import MadeUpRuns


@pytest.fixture
def run_tests(
    project: pytest.Pytester, made_up_runs: MadeUpRuns
) -> Callable[..., tuple[pytest.RunResult, dict[str, Any]]]:
    """Run tests of a user, without the suite; return the result, and the JSON document."""
    made_up_runs.right[0] = 370
    project.makefile(".toml", ftcheck="max_train_rows = 64\ntasks.sst2.floors.tiny.tiny-bert.accuracy = 0.8\n")

    def run(source: str, *options: str) -> tuple[pytest.RunResult, dict[str, Any]]:
        path = project.makepyfile("import pytest\nsst2 = pytest.mark.ftcheck(task='sst2')\n\n" + source)
        result = project.runpytest_inprocess(path, "--ftcheck-json=out.json", *options)
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
    assert "the metric is not reported; reported are:" in document["findings"][2]["observed"]
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
    assert finding["observed"].startswith("the metric is not reported; reported are: ")


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
        "0.5000 for accuracy has no effect",
    ),
    ("@sst2\ndef test_own(ft_gate): ft_gate({'f2': 0.9})", "no limit for f2. Give some"),
    (
        "def test_own(ft_gate): ft_gate({'f2': 0.9}, {'f2': {'max_drop': 0.1}})",
        "max_drop and slices need predictions by row",
    ),
]


@pytest.mark.parametrize(("source", "expected"), MISUSED)
def test_a_gate_that_gates_nothing_fails_its_test(run_tests: Callable[..., Any], source: str, expected: str) -> None:
    result, _ = run_tests(source)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert expected in result.stdout.str()
    result.stdout.no_fnmatch_line("*Traceback*")


def test_ft_baseline_is_none_where_nothing_was_accepted(run_tests: Callable[..., Any]) -> None:
    result, _ = run_tests("@sst2\ndef test_own(ft_baseline): assert ft_baseline is None")
    result.assert_outcomes(passed=1)
