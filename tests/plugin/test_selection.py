"""Which tests run: tasks, node ids, and pytest's own options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("few_checks")

OUTPUTS = "logits_shape"
"""A test of every task that needs a run and nothing else."""


def collected(result: pytest.RunResult) -> list[str]:
    """Node ids that a quiet ``--collect-only`` printed."""
    return [line for line in result.outlines if "::" in line]


def tasks_of(result: pytest.RunResult) -> set[str]:
    return {nodeid.split("::")[0] for nodeid in collected(result)}


@pytest.mark.parametrize(
    "options", [["--ftcheck-task=mrpc,sst2"], ["--ftcheck-task=mrpc", "--ftcheck-task=sst2"]], ids=["list", "repeated"]
)
def test_several_tasks(run_pytest: Callable[..., pytest.RunResult], options: list[str]) -> None:
    result = run_pytest(*options, "--collect-only", "-q")
    assert result.ret == pytest.ExitCode.OK
    assert tasks_of(result) == {"ftcheck/mrpc", "ftcheck/sst2"}


def test_collect_only_neither_builds_nor_trains(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(*args: object) -> None:
        raise AssertionError(args)

    monkeypatch.setattr("pytest_ftcheck.pipeline.from_card.build_pipeline", build)
    result = run_pytest("--ftcheck-task=mrpc", "--ftcheck-engine=both", "--collect-only")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("*= ftcheck =*")
    result.stdout.fnmatch_lines(["*<SuiteModule ftcheck/mrpc>", "*<Function test_metric_floor[[]accuracy-trainer[]]>"])
    assert not list(project.path.rglob("ftcheck-runs"))


@pytest.mark.parametrize(
    ("engines", "seeds", "variants"),
    [
        ("trainer", "0", {"[accuracy-trainer]"}),
        ("both", "0", {"[accuracy-trainer]", "[accuracy-manual]"}),
        ("manual", "0-1", {"[accuracy-manual-seed0]", "[accuracy-manual-seed1]"}),
    ],
)
def test_the_suite_runs_once_per_engine_and_seed(
    run_pytest: Callable[..., pytest.RunResult], engines: str, seeds: str, variants: set[str]
) -> None:
    result = run_pytest(
        "--ftcheck-task=sst2", f"--ftcheck-engine={engines}", f"--ftcheck-seeds={seeds}", "--collect-only", "-q"
    )
    floors = {nodeid for nodeid in collected(result) if "test_metric_floor[accuracy" in nodeid}
    assert floors == {f"ftcheck/sst2::test_metric_floor{variant}" for variant in variants}


def test_own_tests_run_behind_the_suite_where_a_path_is_given(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    path = project.makepyfile(test_own="def test_own(): pass")
    result = run_pytest("--ftcheck-task=sst2", "--collect-only", "-q", path)
    assert collected(result)[0].startswith("ftcheck/sst2::")
    assert collected(result)[-1] == "test_own.py::test_own"


def test_testpaths_are_no_path_of_the_command_line(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    project.makepyfile(test_own="def test_own(): pass")
    project.makeini("[pytest]\ntestpaths = .")
    assert tasks_of(run_pytest("--ftcheck-task=sst2", "--collect-only", "-q")) == {"ftcheck/sst2"}
    assert tasks_of(run_pytest("--collect-only", "-q")) == {"test_own.py"}


def test_it_is_said_that_own_tests_do_not_run(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    line = "ftcheck: only the suite runs; give a path, such as tests/, to run the project's own tests as well"
    options = ("--ftcheck-task=sst2", "--ftcheck-checks=data.rows")
    assert line not in run_pytest(*options).outlines  # there are none
    path = project.makepyfile(test_own="def test_own(): pass")
    assert line in run_pytest(*options).outlines
    assert line not in run_pytest(*options, path).outlines


@pytest.mark.parametrize(
    ("nodeid", "tests"),
    [
        ("ftcheck/mrpc::test_metric_floor[f1-trainer]", 1),
        ("ftcheck/mrpc::test_metric_floor", 3),
        ("ftcheck/mrpc", None),
    ],
)
def test_a_pasted_node_id_runs_just_that(
    run_pytest: Callable[..., pytest.RunResult], nodeid: str, tests: int | None
) -> None:
    found = collected(run_pytest(nodeid, "--collect-only", "-q"))
    assert all(other.startswith(nodeid) for other in found)
    assert len(found) == tests or (tests is None and len(found) > 5)


def test_node_ids_and_own_paths_go_together(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    path = project.makepyfile(test_own="def test_own(): pass")
    nodeid = "ftcheck/sst2::test_model[logits_shape-trainer]"
    assert collected(run_pytest(nodeid, path, "--collect-only", "-q")) == [nodeid, "test_own.py::test_own"]


def test_an_unknown_node_id_names_the_closest_one(run_pytest: Callable[..., pytest.RunResult]) -> None:
    result = run_pytest("ftcheck/mrpc::test_metric_flor[f1-trainer]")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: unknown test *test_metric_flor* Did you mean 'ftcheck/mrpc::test_metric_floor[[]f1-trainer[]]'?*"]
    )


def test_a_folder_named_ftcheck_is_a_folder(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    folder = project.mkdir("ftcheck")
    (folder / "test_own.py").write_text("def test_own(): pass\n", encoding="utf-8")
    result = run_pytest("ftcheck/test_own.py::test_own")
    result.assert_outcomes(passed=1)


def test_k_selects_within_the_suite(run_pytest: Callable[..., pytest.RunResult]) -> None:
    result = run_pytest("--ftcheck-task=sst2", "-k", "test_model and logits_shape")
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes()["passed"] == 1


def test_a_task_of_which_no_test_ran_fails_the_session(run_pytest: Callable[..., pytest.RunResult]) -> None:
    result = run_pytest("--ftcheck-task=mrpc,sst2", "-k", f"mrpc and {OUTPUTS}")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes()["passed"] == 1
    result.stdout.fnmatch_lines(["sst2: no test ran*session fails*"])


def test_a_suite_that_was_only_skipped_did_not_run(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    project.makeconftest("""
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.skip)
    """)
    result = run_pytest("--ftcheck-task=sst2", "-k", OUTPUTS)
    assert result.parseoutcomes()["skipped"] == 1
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["sst2: no test ran*"])


def test_nothing_selected_at_all_fails_the_session(run_pytest: Callable[..., pytest.RunResult]) -> None:
    assert run_pytest("--ftcheck-task=sst2", "-k", "nosuch").ret == pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def failing(project: pytest.Pytester) -> pytest.Pytester:
    """A project whose sst2 fails its floor, for it learns nothing."""
    recipe = "[tasks.sst2.recipe.tiny]\nmax_steps = 1\nlearning_rate = 0.0\n"
    floors = "[tasks.sst2.floors.tiny.tiny-bert]\naccuracy = 0.999\n"
    project.makefile(".toml", ftcheck=f"max_train_rows = 64\nmax_eval_rows = 32\n{recipe}{floors}")
    return project


@pytest.mark.usefixtures("failing")
def test_x_stops_at_the_first_failure(run_pytest: Callable[..., pytest.RunResult]) -> None:
    result = run_pytest("--ftcheck-task=sst2", "-x")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes()["failed"] == 1
    result.stdout.no_fnmatch_line("*finite_loss*")


def test_lf_runs_the_failed_tests_alone_and_is_no_idle_task(
    failing: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    run_pytest("--ftcheck-task=sst2", "-k", "metric_floor or finite")
    result = run_pytest("--ftcheck-task=sst2", "--lf")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes()["failed"] == 1
    assert "passed" not in result.parseoutcomes()

    text = (failing.path / "ftcheck.toml").read_text(encoding="utf-8")
    failing.makefile(
        ".toml", ftcheck=text.replace("0.999", "{ max_drop = 1.0 }") + "\n[tasks.mrpc.recipe.tiny]\nmax_steps = 1\n"
    )
    mended = run_pytest("--ftcheck-task=sst2,mrpc", "--lf")
    assert mended.ret == pytest.ExitCode.OK
    mended.stdout.no_fnmatch_line("*no test ran*")


def test_quiet_shows_neither_header_nor_progress(run_pytest: Callable[..., pytest.RunResult]) -> None:
    result = run_pytest("--ftcheck-task=sst2", "-q", "-k", "metric_floor")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("ftcheck: *")
    result.stdout.no_fnmatch_line("*samples/s*")
    result.stdout.fnmatch_lines(["*sst2*expected_calibration_error*pass*"])


@pytest.mark.parametrize("line", ["python_functions = check_*", "python_files = check_*.py", "python_classes = *"])
def test_naming_conventions_of_the_user_do_not_touch_the_suite(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult], line: str
) -> None:
    plain = collected(run_pytest("--ftcheck-task=sst2", "--collect-only", "-q"))
    project.makeini(f"[pytest]\n{line}")
    result = run_pytest("--ftcheck-task=sst2", "--collect-only", "-q", "-W", "error")
    assert result.ret == pytest.ExitCode.OK
    assert collected(result) == plain


@pytest.mark.usefixtures("reviews")
def test_list_prints_the_cards_of_the_user_as_well(run_pytest: Callable[..., pytest.RunResult]) -> None:
    result = run_pytest("--ftcheck-list")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["mrpc: *", "*head*sequence-classification (not_equivalent, equivalent)", "reviews*"])
    assert re.search(r"tiny +tiny-bert; no floors", result.stdout.str())


def test_without_the_plugin_its_options_are_unknown(
    run_pytest: Callable[..., pytest.RunResult], project: pytest.Pytester
) -> None:
    project.makepyfile("def test_own(): pass")
    run_pytest("-p", "no:ftcheck").assert_outcomes(passed=1)
    refused = run_pytest("-p", "no:ftcheck", "--ftcheck-task=mrpc")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines(["*unrecognized arguments: --ftcheck-task=mrpc*"])
