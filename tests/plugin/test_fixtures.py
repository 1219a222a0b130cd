"""The fixtures in a user's own tests, and the marker that names task, engine and seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("few_checks")

MRPC = "--ftcheck-task=mrpc"


@pytest.fixture
def run_tests(project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]) -> Callable[..., pytest.RunResult]:
    """Run the source of a test file, without the suite."""

    def run(source: str, *options: str, task: str = "mrpc") -> pytest.RunResult:
        path = project.makepyfile(source)
        selected = [f"--ftcheck-task={task}"] if task else []
        # Deselected, not absent: a suite of which no test runs fails the session, so that one test stays.
        return run_pytest(*selected, *options, path, "-k", "test_own or logits_shape" if task else "test_own")

    return run


@pytest.mark.parametrize(
    ("fixture", "statement"),
    [
        ("ft_task", "assert ft_task.label_names == ('not_equivalent', 'equivalent')"),
        ("ft_tokenizer", "assert ft_tokenizer('Anna', 'Jack')['token_type_ids'][-1] == 1"),
        ("ft_dataset", "assert ft_dataset.num_rows == {'train': 64, 'validation': 32}"),
        ("ft_dataset", "assert {len(ids) for ids in ft_dataset['train']['input_ids']} != {64}, 'ragged'"),
        ("ft_collator", "assert ft_collator([{'input_ids': [2, 5]}, {'input_ids': [2]}])['input_ids'].shape == (2, 2)"),
        ("ft_model", "assert ft_model.config.id2label == {0: 'not_equivalent', 1: 'equivalent'}"),
        ("ft_run", "assert ft_run.logits.shape == (32, 2) and ft_run.label_ids.shape == (32,)"),
        ("ft_run", "assert ft_run.load_model().training is False"),
        ("ft_train", "assert len(ft_train(num_train_epochs=2).step_losses) == 2 * len(ft_train().step_losses)"),
        ("ft_train", "assert ft_train(engine='manual', seed=3) is ft_train(seed=3, engine='manual') is not ft_train()"),
        ("ft_device", "assert ft_device.type == 'cpu'"),
        ("ft_step", "assert ft_step().item() > 0 and ft_step.rows == 32"),
    ],
)  # fmt: skip
def test_a_fixture_gives_what_it_says(run_tests: Callable[..., pytest.RunResult], fixture: str, statement: str) -> None:
    marker = "import pytest\n@pytest.mark.ftcheck(task='mrpc')\n"
    result = run_tests(f"{marker}def test_own({fixture}): {statement}", "--ftcheck-device=cpu", task="")
    result.assert_outcomes(passed=1)


def test_a_model_is_a_fresh_copy_for_every_test(run_tests: Callable[..., pytest.RunResult]) -> None:
    result = run_tests(
        """
        import pytest, torch

        @pytest.mark.parametrize("time", [1, 2])
        def test_own(ft_model, time):
            assert ft_model.classifier.weight.abs().sum() > 0
            with torch.no_grad():
                ft_model.classifier.weight.zero_()

        def test_own_again(ft_model, ft_run):
            assert ft_run.load_model().classifier.weight.abs().sum() > 0
            assert not torch.equal(ft_model.classifier.weight, ft_run.load_model().classifier.weight)
        """,
    )
    result.assert_outcomes(passed=4, deselected=8)


def test_the_suite_and_own_tests_share_a_run(
    run_tests: Callable[..., pytest.RunResult], project: pytest.Pytester
) -> None:
    result = run_tests(
        """
        def test_own(ft_run): assert not ft_run.reused
        def test_own_again(ft_run, ft_train): assert ft_train() is ft_run
        """
    )
    assert result.parseoutcomes()["passed"] == 3
    assert len(list(project.path.parent.rglob(f"*{project.path.name}*/**/ftcheck-runs/*/manifest.json"))) == 1


@pytest.mark.parametrize(
    ("options", "variants"),
    [
        ([], {"test_own"}),
        (["--ftcheck-engine=both"], {"test_own[trainer]", "test_own[manual]"}),
        (["--ftcheck-seeds=0,7"], {"test_own[trainer-seed0]", "test_own[trainer-seed7]"}),
    ],
)
def test_own_tests_run_once_per_engine_and_seed(
    run_tests: Callable[..., pytest.RunResult], options: list[str], variants: set[str]
) -> None:
    result = run_tests("def test_own(ft_run): pass", *options, "--collect-only", "-q")
    own = {line.split("::")[1] for line in result.outlines if line.startswith("test_own")}
    own |= {line.split("::")[1] for line in result.outlines if "::test_own" in line}
    assert own == variants


def test_a_run_has_the_engine_and_the_seed_of_its_test(run_tests: Callable[..., pytest.RunResult]) -> None:
    result = run_tests(
        """
        import pytest

        def test_own(ft_run, request):
            assert request.node.name == f"test_own[{ft_run.engine}-seed{ft_run.seed}]"

        @pytest.mark.ftcheck(engine="manual", seed=5)
        def test_own_pinned(ft_run, ft_task):
            assert (ft_task.name, ft_run.engine, ft_run.seed) == ("mrpc", "manual", 5)
        """,
        "--ftcheck-engine=both",
        "--ftcheck-seeds=0-1",
    )
    assert result.ret == pytest.ExitCode.OK


def test_the_closest_marker_wins_key_by_key(run_tests: Callable[..., pytest.RunResult]) -> None:
    result = run_tests(
        """
        import pytest

        pytestmark = pytest.mark.ftcheck(task="mrpc", seed=1)

        @pytest.mark.ftcheck(task="sst2")
        def test_own(ft_task, ft_variant):
            assert (ft_task.name, ft_variant.seed) == ("sst2", 1)

        def test_own_again(ft_task):
            assert ft_task.name == "mrpc"
        """,
        task="",
    )
    result.assert_outcomes(passed=2)


def test_several_tasks_in_one_file(run_tests: Callable[..., pytest.RunResult]) -> None:
    result = run_tests(
        """
        import pytest

        @pytest.mark.parametrize("task", [
            pytest.param("mrpc", marks=pytest.mark.ftcheck(task="mrpc")),
            pytest.param("sst2", marks=pytest.mark.ftcheck(task="sst2")),
        ])
        def test_own(ft_run, task):
            assert ft_run.task == task
        """,
        task="",
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*= ftcheck =*", "mrpc: tiny-bert on bundled*", "sst2: tiny-bert on bundled*"])


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        ("ftcheck(tsk='mrpc')", ["marker ftcheck of test_own", "not tsk", "task='mrpc'"]),
        ("ftcheck('mrpc')", ["not 'mrpc'", "task='mrpc'"]),
        ("ftcheck(task='mrpc', seed='one')", ["not seed='one'", "integer"]),
        ("ftcheck(task='mrcp')", ["unknown task 'mrcp'", "Did you mean 'mrpc'?"]),
        ("ftcheck(task='mrpc', engine='manuel')", ["unknown engine 'manuel'", "Did you mean 'manual'?"]),
        ("slow", ["test_own names no task", "@pytest.mark.ftcheck(task="]),
    ],
)
def test_a_wrong_marker_fails_its_test_alone(
    run_tests: Callable[..., pytest.RunResult], project: pytest.Pytester, marker: str, words: list[str]
) -> None:
    project.makeini("[pytest]\nmarkers = slow: not ours")
    text = f"import pytest\n@pytest.mark.{marker}\ndef test_own(ft_run): pass\n\ndef test_own_other(): pass"
    result = run_tests(text, task="")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, errors=1)
    for word in words:
        assert word in result.stdout.str()
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*.py:*Error")
    result.stdout.no_fnmatch_line(">*")


def test_a_wrong_override_fails_its_test(run_tests: Callable[..., pytest.RunResult]) -> None:
    result = run_tests("def test_own(ft_train): ft_train(learning_rat=1)")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["unknown hyperparameter of task 'mrpc' 'learning_rat'. Did you mean 'learning_rate'?*"]
    )


def test_our_errors_keep_their_traceback_where_our_fixtures_are_not_used(
    run_tests: Callable[..., pytest.RunResult],
) -> None:
    result = run_tests("from pytest_ftcheck import load_card\ndef test_own(): load_card('mrcp', {})", task="")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*def test_own(): load_card*", "*TaskError: unknown task 'mrcp'*"])


def test_misuse_does_not_hide_that_the_session_was_stopped(
    run_tests: Callable[..., pytest.RunResult], project: pytest.Pytester
) -> None:
    project.makeconftest("def pytest_sessionfinish(session): session.exitstatus = 2")
    result = run_tests("def test_own(ft_train): ft_train(learning_rat=1)")
    assert result.ret == pytest.ExitCode.INTERRUPTED


def test_the_marker_is_registered(run_pytest: Callable[..., pytest.RunResult]) -> None:
    run_pytest("--markers").stdout.fnmatch_lines(["@pytest.mark.ftcheck(task, engine, seed): *"])


def test_every_fixture_is_documented(run_pytest: Callable[..., pytest.RunResult]) -> None:
    listed = run_pytest("--fixtures")
    for name in ("task", "tokenizer", "dataset", "collator", "model", "run", "train", "device", "step"):
        listed.stdout.fnmatch_lines([f"ft_{name} -- *", "    [!n]*"])


def test_a_step_goes_into_a_benchmark(run_tests: Callable[..., pytest.RunResult]) -> None:
    result = run_tests(
        """
        def test_own(benchmark, ft_step):
            loss = benchmark.pedantic(ft_step, rounds=2, iterations=1)
            assert loss.item() > 0 and not loss.requires_grad
            assert all(work.tokens < work.positions for work in ft_step.work)
        """,
        "--benchmark-json=bench.json",
    )
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*test_own*"])


def test_own_data_from_the_configuration_file(
    reviews: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    """With one task in the file, tests need no marker."""
    reviews.makepyfile("def test_own(ft_run, ft_task): assert (ft_task.name, ft_run.train_rows) == ('reviews', 32)")
    run_pytest().assert_outcomes(passed=1)
