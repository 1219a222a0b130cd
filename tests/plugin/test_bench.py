"""``--ftcheck-bench``: what is measured stands in the table and the JSON; what is not is never green."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.plugin.bench import why_not_measured
from pytest_ftcheck.speed import blocks, compare, measure
from pytest_ftcheck.speed.compare import Comparison, Interval

if TYPE_CHECKING:
    from collections.abc import Callable

BENCH = (
    "--ftcheck-task=mrpc",
    "--ftcheck-bench",
    "--benchmark-max-time=0.01",
    "--benchmark-min-rounds=2",
    "-p",
    "no:cacheprovider",
)
JSON = "--benchmark-json=bench.json"
COMPARE = ("--ftcheck-task=mrpc", "--ftcheck-bench-compare=engine=manual,trainer", "-p", "no:cacheprovider")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, few_checks: object) -> None:
    del few_checks
    monkeypatch.setattr(measure, "matmul_peak", lambda *_: 1e11)


def benchmarks(project: pytest.Pytester) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((project.path / "bench.json").read_text(encoding="utf-8"))
    return document


def test_step_is_measured(project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]) -> None:
    threads = torch.get_num_threads()
    result = run_pytest(*BENCH, JSON, "-v")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "ftcheck/mrpc::test_step[[]manual[]] PASSED*",
            "*ftcheck: training steps*",
            "| manual | *",
            "MFU: fraction of *, the measured rate of a float32 matrix product",
        ]
    )
    document = benchmarks(project)
    (found,) = document["benchmarks"]
    told, stats = found["extra_info"], found["stats"]
    assert stats["median"] == told["step_seconds"]
    assert stats["iterations"] == told["steps_per_round"]
    assert {"phases", "mfu", "padding_share", "peak_memory_bytes", "flops", "tokens_per_second"} <= told.keys()
    assert told["model"] == "tiny-bert"
    assert found["options"]["timer"] == "synchronized_clock"
    machine = document["machine_info"]["ftcheck"]
    assert machine["device"] == "cpu"
    assert machine["versions"]["torch"] == torch.__version__
    assert torch.get_num_threads() == threads


def test_sweep_has_a_row_for_each_case_and_for_what_did_not_fit(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    warm_up = measure.warm_up

    def warm(step: Any) -> Any:
        if step.rows == 4:
            msg = "CUDA out of memory. Tried to allocate 1 TiB"
            raise torch.OutOfMemoryError(msg)
        return warm_up(step)

    monkeypatch.setattr(measure, "warm_up", warm)
    options = ("--ftcheck-bench-batch-sizes=2,4,6", "--ftcheck-bench-seq-len=12", "--ftcheck-bench-shape=bert-tiny")
    result = run_pytest(*BENCH, *options, JSON)
    result.assert_outcomes(passed=2, skipped=1)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "| manual-2x12 | *",
            "| manual-4x12 | not measured: out of memory*",
            "| manual-6x12 | *",
            "*: not measured: out of memory at manual-4x12",
        ]
    )
    rows = [found["extra_info"] for found in benchmarks(project)["benchmarks"]]
    assert [(row["rows"], row["positions"], row["padding_share"], row["model"]) for row in rows] == [
        (2, 24, 0, "shape:bert-tiny"),
        (6, 72, 0, "shape:bert-tiny"),
    ]


@pytest.mark.slow
def test_dtypes_and_compiler_are_swept(
    run_pytest: Callable[..., pytest.RunResult], project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", lambda model, **_: torch._dynamo.optimize("eager")(model))
    options = ("--ftcheck-bench-dtypes=float32,bfloat16", "--ftcheck-bench-compile", "--ftcheck-bench-seq-len=8")
    result = run_pytest(*BENCH, *options, "--ftcheck-bench-batch-sizes=2", JSON)
    result.assert_outcomes(passed=4)
    rows = [found["extra_info"] for found in benchmarks(project)["benchmarks"]]
    assert [(row["matmul_dtype"], row["compiled"]) for row in rows] == [
        ("float32", False),
        ("float32", True),
        ("bfloat16", False),
        ("bfloat16", True),
    ]
    assert [row["compile_seconds"] is None for row in rows] == [True, False, True, False]


def test_nothing_measured_is_never_green(run_pytest: Callable[..., pytest.RunResult]) -> None:
    result = run_pytest(*BENCH, "--benchmark-disable")
    result.assert_outcomes(skipped=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["| manual | not measured: --benchmark-disable*", "mrpc: no test ran*"])


@pytest.mark.parametrize(
    ("options", "worker", "reason"),
    [
        ({"dist": "load"}, False, "pytest-xdist"),
        ({"dist": "no"}, True, "pytest-xdist"),
        ({"dist": "no", "benchmark_disable": True, "benchmark_enable": False}, False, "--benchmark-disable"),
        ({"benchmark_disable": True, "benchmark_enable": True}, False, None),
        ({"benchmark_disable": False}, False, None),
        ({}, False, "pytest-benchmark is switched off"),
    ],
)
def test_reason_not_to_measure(options: dict[str, Any], worker: bool, reason: str | None) -> None:  # noqa: FBT001 - a parameter
    config: Any = SimpleNamespace(getoption=lambda name, default=None: options.get(name, default))
    if worker:
        config.workerinput = {}
    told = why_not_measured(config)
    assert told == "" if reason is None else reason in told


def test_measurement_that_failed_is_red_and_stays_out_of_the_json(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise CheckFailure([Finding("speed.step", "the step", "a finite loss", "nan: not measured")])

    monkeypatch.setattr(measure, "require_finite", lambda _: None)
    monkeypatch.setattr(measure, "count_flops", fail)  # after the rounds
    result = run_pytest(*BENCH, JSON)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["| manual | not measured: the step failed*", "*observed  nan: not measured"])
    assert benchmarks(project)["benchmarks"] == []


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--ftcheck-bench-compare=engine=manual,trainr", "*Did you mean 'trainer'*"),
        ("--ftcheck-bench-batch-sizes=8", "*needs --ftcheck-bench or --ftcheck-bench-compare*"),
        ("--ftcheck-bench-tolerance=5", "*expected a fraction between 0 and 1*"),
        ("--ftcheck-bench-dtypes=float8", "*unknown dtype 'float8'*"),
    ],
)
def test_misuse_is_told_before_anything_is_loaded(
    run_pytest: Callable[..., pytest.RunResult], option: str, message: str
) -> None:
    result = run_pytest("--ftcheck-task=mrpc", option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


@pytest.mark.slow
def test_a_floor_that_is_too_low_is_no_matter_of_a_benchmark(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    project.makefile(".toml", ftcheck="[tasks.mrpc.floors.tiny.tiny-bert]\naccuracy = 0.01\n")
    assert run_pytest("--ftcheck-task=mrpc", "--ftcheck-checks=metrics").ret == pytest.ExitCode.USAGE_ERROR
    assert run_pytest(*BENCH).ret == pytest.ExitCode.OK


def test_two_things_in_the_place_of_the_suite_are_refused(run_pytest: Callable[..., pytest.RunResult]) -> None:
    result = run_pytest(*BENCH, "--ftcheck-faults")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--ftcheck-bench and --ftcheck-faults both replace the suite*"])


def test_unknown_shape_is_misuse(run_pytest: Callable[..., pytest.RunResult]) -> None:
    result = run_pytest(*BENCH, "--ftcheck-bench-shape=bert-base")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --ftcheck-bench-shape = 'bert-base': *Did you mean 'bert-base-uncased'*"])
    result.stdout.no_fnmatch_line("collected *")


@pytest.mark.parametrize(
    ("found", "null", "outcome", "code"),
    [
        ((1.0, 0.99, 1.01), (1.0, 0.99, 1.01), {"passed": 1}, 0),
        ((1.2, 1.10, 1.30), (1.0, 0.99, 1.01), {"failed": 1}, 1),
        ((1.0, 0.99, 1.01), (1.0, 0.80, 1.20), {"skipped": 1}, 1),
    ],
)
def test_pair_is_compared(  # noqa: PLR0917 - parameters
    run_pytest: Callable[..., pytest.RunResult],
    monkeypatch: pytest.MonkeyPatch,
    found: tuple[float, float, float],
    null: tuple[float, float, float],
    outcome: dict[str, int],
    code: int,
) -> None:
    made: list[str] = []

    def make(pipeline: object, *, engine: str, **_: object) -> Callable[[int], float]:
        del pipeline
        made.append(engine)
        return lambda _: 0.5

    def compared(*_: object, names: tuple[str, str], steps: int, tolerance: float) -> Comparison:
        return Comparison(names, (1.0, 1.0), Interval(*found), Interval(*null), tolerance, rounds=10, steps=steps)

    monkeypatch.setattr(blocks, "make_blocks", make)
    monkeypatch.setattr(compare, "compare", compared)
    result = run_pytest(*COMPARE)
    result.assert_outcomes(**outcome)
    assert result.ret == code
    assert made == ["manual", "trainer", "manual"]
    result.stdout.fnmatch_lines(["mrpc: engine trainer takes * times as long as engine manual *"])


@pytest.mark.slow
def test_comparison_runs_through(run_pytest: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch) -> None:
    compare_it = compare.compare
    monkeypatch.setattr(compare, "compare", lambda *args, **how: compare_it(*args, **how, rounds=2, most_rounds=2))
    result = run_pytest(*COMPARE, "--ftcheck-bench-seq-len=8", "--ftcheck-bench-tolerance=0.9")
    result.stdout.fnmatch_lines(["mrpc: engine trainer takes * times as long as engine manual *2 rounds of 1 steps*"])


def test_pair_is_not_compared_where_nothing_is_measured(run_pytest: Callable[..., pytest.RunResult]) -> None:
    result = run_pytest(*COMPARE, "--benchmark-disable")
    result.assert_outcomes(skipped=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["mrpc: engine=manual,trainer: not measured: --benchmark-disable*"])


USER = """
import pytest

@pytest.mark.ftcheck(task="mrpc")
def test_mine(benchmark, ft_step):
    assert float(benchmark.pedantic(ft_step, rounds=2, iterations=2)) > 0
"""


def test_step_of_a_users_test_tells_what_is_known_of_it(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    project.makepyfile(USER)
    result = run_pytest(JSON)
    result.assert_outcomes(passed=1)
    document = benchmarks(project)
    told = document["benchmarks"][0]["extra_info"]
    assert told["step_seconds"] == document["benchmarks"][0]["stats"]["median"]
    assert set(told["phases"]) == {"data", "forward", "backward", "optimizer"}
    assert document["machine_info"]["ftcheck"]["device"] == "cpu"


def test_users_test_is_skipped_where_nothing_is_measured(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    project.makepyfile(USER)
    result = run_pytest("--benchmark-disable", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*not measured: --benchmark-disable*"])


def test_step_without_a_benchmark_is_only_a_step(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    project.makepyfile(
        USER.replace("benchmark, ft_step", "ft_step").replace(
            "benchmark.pedantic(ft_step, rounds=2, iterations=2)", "ft_step()"
        )
    )
    run_pytest("--benchmark-disable").assert_outcomes(passed=1)


def test_benchmarks_of_others_are_left_alone(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    project.makepyfile("def test_other(benchmark):\n    benchmark(int)\n")
    run_pytest(JSON, "--benchmark-max-time=0.001").assert_outcomes(passed=1)
    assert "ftcheck" not in benchmarks(project)["machine_info"]
