"""An option that can have no effect is a usage error; a session that judges nothing is never green."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("few_checks")

PASSING = "def test_own(): pass"
SST2 = "--ftcheck-task=sst2"


def refused(result: pytest.RunResult, *words: str) -> None:
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    message = result.stderr.str() + result.stdout.str()
    for word in words:
        assert word in message
    assert "Traceback" not in message
    assert "INTERNALERROR" not in message


WITHOUT_A_TASK: dict[str, tuple[list[str], str]] = {
    "factory forgotten": (["--ftcheck-trainer=train.py"], "expected package.module:factory"),
    "dot in the place of the colon": (["--ftcheck-trainer=train.build"], "expected package.module:factory"),
    "module forgotten": (["--ftcheck-trainer=:build"], "expected package.module:factory"),
    "bench": (["--ftcheck-bench"], "--ftcheck-bench has no effect: no task is selected"),
    "faults": (["--ftcheck-faults"], "--ftcheck-faults has no effect: no task is selected"),
    "calibrate": (["--ftcheck-calibrate"], "--ftcheck-calibrate has no effect: no task is selected"),
    "checks": (["--ftcheck-checks=nope"], "--ftcheck-checks has no effect: no task is selected"),
    "no-train": (["--ftcheck-no-train"], "--ftcheck-no-train has no effect: no task is selected, and no test uses"),
    "strict": (
        ["--ftcheck-strict", "--ftcheck-require-baseline"],
        "--ftcheck-strict, --ftcheck-require-baseline have no effect: no task is selected, and no test uses",
    ),
    "seeds": (["--ftcheck-seeds=0-2"], "--ftcheck-seeds has no effect"),
    "model": (["--ftcheck-model=nowhere"], "--ftcheck-model has no effect"),
}


@pytest.mark.parametrize(("options", "words"), WITHOUT_A_TASK.values(), ids=WITHOUT_A_TASK)
def test_an_option_beside_a_passing_test_is_refused(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult], options: list[str], words: str
) -> None:
    project.makepyfile(test_own=PASSING)
    refused(run_pytest(*options), words)


WITH_A_TASK: dict[str, tuple[list[str], str]] = {
    "faults, named by nothing": (["--ftcheck-faults="], "expected names of faults"),
    "store without reuse": (["--ftcheck-store=x"], "--ftcheck-store has no effect without --ftcheck-reuse"),
    "tolerance without a comparison": (
        ["--ftcheck-bench", "--ftcheck-bench-tolerance=0.1"],
        "--ftcheck-bench-tolerance has no effect without --ftcheck-bench-compare",
    ),
    "engine of a benchmark": (["--ftcheck-bench", "--ftcheck-engine=trainer"], "--ftcheck-engine has no effect with"),
    "checks of a benchmark": (["--ftcheck-bench", "--ftcheck-checks=data"], "--ftcheck-checks has no effect with"),
    "strict faults": (["--ftcheck-faults", "--ftcheck-strict"], "--ftcheck-strict has no effect with --ftcheck-faults"),
    "faults for later": (["--ftcheck-faults", "--ftcheck-reuse"], "--ftcheck-reuse has no effect with"),
    "seeds of faults": (["--ftcheck-faults", "--ftcheck-seeds=0-2"], "--ftcheck-faults takes one seed, not 3"),
    "strict calibration": (["--ftcheck-calibrate", "--ftcheck-strict"], "--ftcheck-strict has no effect with"),
    "comma at the end": (["--ftcheck-checks=data,"], "without empty entries between commas"),
    "commas alone": (["--ftcheck-seeds=0,,1"], "without empty entries between commas"),
}


@pytest.mark.parametrize(("options", "words"), WITH_A_TASK.values(), ids=WITH_A_TASK)
def test_an_option_beside_another_kind_of_session_is_refused(
    run_pytest: Callable[..., pytest.RunResult], options: list[str], words: str
) -> None:
    refused(run_pytest(SST2, *options), words)


@pytest.mark.parametrize(
    "options",
    [
        ["--ftcheck-model=tiny-bert"],
        ["--ftcheck-dtype=bfloat16"],
        ["--ftcheck-bench", "--ftcheck-bench-shape=bert-tiny"],
    ],
    ids=["model", "dtype", "bench-shape"],
)
def test_what_a_trainer_decides_by_itself_is_refused(
    run_pytest: Callable[..., pytest.RunResult], options: list[str]
) -> None:
    refused(run_pytest("--ftcheck-trainer=train.py:build", *options), "has no effect with --ftcheck-trainer")


PARTS, RUNS = "--ftcheck-checks=data", "--ftcheck-checks=data,model.logits_shape"
BESIDE_CHECKS: dict[str, tuple[list[str], str]] = {
    "require-baseline": (
        [PARTS, "--ftcheck-require-baseline"],
        "--ftcheck-require-baseline has no effect with a choice",
    ),
    "baseline of a run": (
        [RUNS, "--ftcheck-require-baseline"],
        "with a choice of checks without the gates (metrics.floor)",
    ),
    "reuse": ([PARTS, "--ftcheck-reuse"], "--ftcheck-reuse has no effect with"),
    "store": ([PARTS, "--ftcheck-reuse", "--ftcheck-store=x"], "--ftcheck-reuse, --ftcheck-store have no effect with"),
    "fast-cpu": ([PARTS, "--ftcheck-fast-cpu"], "--ftcheck-fast-cpu has no effect with"),
    "engine": ([PARTS, "--ftcheck-engine=manual"], "--ftcheck-engine has no effect with"),
    "seeds": ([PARTS, "--ftcheck-seeds=0-1"], "a choice of checks that need no run takes one seed, not 2"),
}


@pytest.mark.parametrize(("options", "words"), BESIDE_CHECKS.values(), ids=BESIDE_CHECKS)
def test_an_option_that_no_chosen_check_makes_use_of_is_refused(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult], options: list[str], words: str
) -> None:
    result = run_pytest(SST2, *options)
    refused(result, words)
    result.stdout.no_fnmatch_line("collected *")
    project.makepyfile(test_own=PASSING)
    refused(run_pytest(SST2, *options, "test_own.py"), words)


def test_an_option_is_taken_where_a_check_or_a_test_of_the_project_makes_use_of_it(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    taken = (SST2, "--collect-only")
    assert run_pytest(*taken, RUNS, "--ftcheck-engine=both", "--ftcheck-seeds=0-1").ret == pytest.ExitCode.OK
    assert run_pytest(*taken, PARTS, "--ftcheck-strict").ret == pytest.ExitCode.OK  # checks of parts warn, too
    assert run_pytest(*taken, "--ftcheck-checks=metrics", "--ftcheck-strict").ret == pytest.ExitCode.OK
    assert run_pytest(*taken, PARTS, "--ftcheck-seeds=3").ret == pytest.ExitCode.OK
    project.makepyfile(test_own="def test_own(ft_run): pass")
    assert run_pytest(*taken, PARTS, "--ftcheck-strict", "test_own.py").ret == pytest.ExitCode.OK


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["--ftcheck-list", "--ftcheck-json=out.json"],
            "--ftcheck-json has no effect with --ftcheck-list, which only prints",
        ),
        (["--ftcheck-list", SST2, "--ftcheck-strict"], "--ftcheck-task, --ftcheck-strict have no effect with"),
        (["--ftcheck-list-checks", "--ftcheck-bench"], "--ftcheck-bench has no effect with --ftcheck-list-checks"),
        (["--ftcheck-list-checks", "--ftcheck-list"], "--ftcheck-list-checks has no effect with --ftcheck-list,"),
        (["--ftcheck-list", "--ftcheck-checks=data"], "--ftcheck-checks has no effect with --ftcheck-list,"),
    ],
)
def test_an_option_beside_a_list_is_refused(
    run_pytest: Callable[..., pytest.RunResult], options: list[str], words: str
) -> None:
    refused(run_pytest(*options), words)


def test_an_option_that_a_test_makes_use_of_is_taken(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    project.makepyfile(
        test_own="""
        import pytest

        @pytest.mark.ftcheck(task="sst2")
        def test_seed(ft_variant):
            assert ft_variant.seed == 3

        def test_other(): pass
        """
    )
    assert run_pytest("--ftcheck-seeds=3").ret == pytest.ExitCode.OK


@pytest.mark.parametrize("where", ["addopts", "PYTEST_ADDOPTS"])
def test_what_holds_for_all_sessions_of_a_project_may_have_no_effect_in_one(
    project: pytest.Pytester,
    run_pytest: Callable[..., pytest.RunResult],
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    project.makepyfile(test_own=PASSING)
    if where == "addopts":
        project.makeini("[pytest]\naddopts = --ftcheck-threads=1 --ftcheck-strict\n")
    else:
        monkeypatch.setenv(where, "--ftcheck-threads=1 --ftcheck-strict")
    assert run_pytest().ret == pytest.ExitCode.OK


def test_a_session_without_options_of_ours_is_left_alone(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    project.makepyfile(test_own=PASSING)
    assert run_pytest().ret == pytest.ExitCode.OK


def test_with_xdist_an_option_that_no_test_makes_use_of_is_refused_at_the_end(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    project.makepyfile(test_own=PASSING)
    result = run_pytest("--ftcheck-strict", "-n", "1", "-p", "xdist", "--ftcheck-json=out.json")
    refused(result, "--ftcheck-strict has no effect: no task is selected, and no test uses")
