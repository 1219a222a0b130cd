"""The checks in a session: which of them are tests, which are skipped, and what is told of a run that failed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("few_checks")

SST2 = "--ftcheck-task=sst2"
DIVERGES = "max_train_rows = 64\nmax_eval_rows = 32\ntasks.sst2.recipe.tiny = { max_steps = 4, learning_rate = 1e30 }\n"


def items(result: pytest.RunResult) -> list[str]:
    """Names of the tests that a quiet ``--collect-only`` printed."""
    return [line.partition("::")[2] for line in result.outlines if "::" in line]


@pytest.fixture
def collected(run_pytest: Callable[..., pytest.RunResult]) -> Callable[..., list[str]]:
    """Return the tests of the suite of sst2."""

    def collect(*options: str) -> list[str]:
        result = run_pytest(SST2, *options, "--collect-only", "-q")
        assert result.ret == pytest.ExitCode.OK
        return items(result)

    return collect


@pytest.fixture
def document(project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]) -> Callable[..., dict[str, Any]]:
    """Run a session; return its JSON document with ``output`` and ``outcomes`` by check."""

    def run(*options: str) -> dict[str, Any]:
        result = run_pytest(SST2, "--ftcheck-json=out.json", *options)
        loaded: dict[str, Any] = json.loads((project.path / "out.json").read_text(encoding="utf-8"))
        outcomes = {check["check"]: check["outcome"] for check in loaded["checks"]}
        return loaded | {"output": result.stdout.str(), "outcomes": outcomes}

    return run


def test_every_check_is_a_test_in_the_order_of_families_and_costs(collected: Callable[..., list[str]]) -> None:
    assert collected() == [
        "test_data[rows]",
        "test_data[text]",
        "test_collator[mask]",
        "test_model[logits_shape-trainer]",
        "test_metric_floor[accuracy-trainer]",
        "test_metric_floor[expected_calibration_error-trainer]",
        "test_training[finite_loss-trainer]",
        "test_training[short-trainer]",
    ]


def test_checks_of_a_run_are_tests_for_each_engine_and_seed(collected: Callable[..., list[str]]) -> None:
    variants = ["trainer-seed0", "trainer-seed1", "manual-seed0", "manual-seed1"]
    assert collected("--ftcheck-engine=both", "--ftcheck-seeds=0-1") == [
        "test_data[rows]",
        "test_data[text]",
        "test_collator[mask]",
        *(f"test_model[logits_shape-{variant}]" for variant in variants),
        *(f"test_metric_floor[accuracy-{variant}]" for variant in variants),
        *(f"test_metric_floor[expected_calibration_error-{variant}]" for variant in variants),
        # those over the same run beside each other
        "test_training[finite_loss-trainer-seed0]",
        "test_training[engine_parity]",
        *(f"test_training[finite_loss-{variant}]" for variant in variants[1:]),
        "test_training[short-trainer-seed0]",
        "test_training[short-manual-seed0]",
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("data", ["test_data[rows]", "test_data[text]"]),
        ("data,-data.text", ["test_data[rows]"]),
        (
            "metrics.floor,collator",
            [
                "test_collator[mask]",
                "test_metric_floor[accuracy-trainer]",
                "test_metric_floor[expected_calibration_error-trainer]",
            ],
        ),
        ("-training,-metrics,-data", ["test_collator[mask]", "test_model[logits_shape-trainer]"]),
        ("training.engine_parity", ["test_training[engine_parity]"]),
    ],
)
def test_checks_are_chosen_by_family_and_id(
    collected: Callable[..., list[str]], words: str, expected: list[str]
) -> None:
    assert collected(f"--ftcheck-checks={words}") == expected


@pytest.mark.parametrize("gate", ["floor", "ceiling", "baseline", "seeds", "failed_runs"])
def test_gates_are_chosen_by_every_name_that_their_findings_have(
    collected: Callable[..., list[str]], gate: str
) -> None:
    assert collected(f"--ftcheck-checks=metrics.{gate}") == collected("--ftcheck-checks=metrics")


def test_checks_are_chosen_in_the_file_and_overruled_by_the_option(
    project: pytest.Pytester, collected: Callable[..., list[str]]
) -> None:
    project.makefile(".toml", ftcheck='checks = ["data.rows", "collator"]')
    assert collected() == ["test_data[rows]", "test_collator[mask]"]
    assert collected("--ftcheck-checks=data.text", "--ftcheck-checks=data.rows") == [
        "test_data[rows]",
        "test_data[text]",
    ]


@pytest.mark.parametrize(
    ("option", "table", "words"),
    [
        ("--ftcheck-checks=data.row", "", ["--ftcheck-checks: unknown check 'data.row'. Did you mean 'data.rows'?"]),
        ("--ftcheck-checks=-datta", "", ["unknown check 'datta'. Did you mean 'data'?", "--ftcheck-list-checks"]),
        ("--ftcheck-checks=data,-data", "", ["--ftcheck-checks=data,-data leaves no check"]),
        ("-q", '"data.row".most = 3', ["task card 'sst2': checks.data.row: unknown check", "mean 'data.rows'?"]),
        ("-q", '"data.rows".mots = 3', ["task card 'sst2': checks.data.rows: unknown limit", "mean 'most'?"]),
        ("-q", '"data.rows".most = "3"', ["checks.data.rows.most must be a finite number, not '3'"]),
        (
            "-q",
            "data.rows.most = 3",
            ["checks.data.rows: put the id of the check into quotes", '[tool.ftcheck.tasks.sst2.checks."data.rows"]'],
        ),
    ],
)
def test_unknown_checks_and_limits_are_misuse(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult], option: str, table: str, words: list[str]
) -> None:
    project.makefile(".toml", ftcheck=f"[tasks.sst2.checks]\n{table}\n")
    for collect in ([], ["--collect-only"]):
        result = run_pytest(SST2, option, *collect)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        for word in words:
            assert word in result.stderr.str()
    assert not list(project.path.rglob("manifest.json"))


def test_a_limit_of_the_card_is_the_checks(project: pytest.Pytester, document: Callable[..., dict[str, Any]]) -> None:
    project.makefile(
        ".toml", ftcheck='max_train_rows = 64\nmax_eval_rows = 32\ntasks.sst2.checks."data.rows".most = 9\n'
    )
    found = document("--ftcheck-checks=data.rows,collator")
    assert found["exit_status"] == pytest.ExitCode.TESTS_FAILED
    assert found["outcomes"] == {"data.rows": "failed", "collator.mask": "passed"}
    (finding,) = found["findings"]
    assert (finding["check"], finding["expected"], finding["observed"]) == ("data.rows", "at most 9 rows", "64 rows")
    assert finding["hint"] == "take fewer."
    assert "checks: 1 passed, 1 failed (data.rows)\n" in found["output"]
    assert "CAUSE: data.rows: sst2 with tiny-bert on bundled\n  expected  at most 9 rows\n" in found["output"]
    assert "Traceback" not in found["output"]


def test_a_check_is_skipped_with_the_reason_of_the_card_or_its_own(
    project: pytest.Pytester, document: Callable[..., dict[str, Any]]
) -> None:
    reason = "we know, see issue 12"
    project.makefile(
        ".toml", ftcheck=f'max_train_rows = 8\ntasks.sst2.checks."data.rows" = {{ most = 1, skip = "{reason}" }}\n'
    )
    found = document("--ftcheck-checks=data,collator", "-rs")
    assert found["exit_status"] == pytest.ExitCode.OK
    assert [(check["check"], check["outcome"], check["reason"]) for check in found["checks"]] == [
        ("data.rows", "skipped", reason),
        ("data.text", "skipped", "no raw text is known"),
        ("collator.mask", "passed", None),
    ]
    assert "checks: 1 passed, 2 skipped\n" in found["output"]
    assert f"  skipped: data.rows: {reason}\n  skipped: data.text: no raw text is known\n" in found["output"]


def test_a_task_whose_checks_are_all_skipped_fails_the_session(document: Callable[..., dict[str, Any]]) -> None:
    found = document("--ftcheck-checks=data.text")
    assert found["exit_status"] == pytest.ExitCode.TESTS_FAILED
    assert found["idle_tasks"] == ["sst2"]


def test_the_document_names_check_cost_engine_and_seed(document: Callable[..., dict[str, Any]]) -> None:
    found = document("--ftcheck-engine=both", "--ftcheck-seeds=3")
    assert found["exit_status"] == pytest.ExitCode.OK, found["output"]
    keys = ("check", "cost", "engine", "seed", "outcome")
    assert [tuple(check[key] for key in keys) for check in found["checks"]] == [
        ("data.rows", "free", None, None, "passed"),
        ("data.text", "free", None, None, "skipped"),
        ("collator.mask", "forward", None, None, "passed"),
        ("model.logits_shape", "run", "trainer", 3, "passed"),
        ("model.logits_shape", "run", "manual", 3, "passed"),
        ("metrics.floor", "run", "trainer", 3, "skipped"),  # there is no baseline
        ("metrics.floor", "run", "manual", 3, "skipped"),
        ("metrics.floor", "run", "trainer", 3, "passed"),
        ("metrics.floor", "run", "manual", 3, "passed"),
        ("training.finite_loss", "run", "trainer", 3, "passed"),
        ("training.engine_parity", "run", "trainer", 3, "passed"),
        ("training.finite_loss", "run", "manual", 3, "passed"),
        ("training.short", "extra-training", "trainer", 3, "passed"),
        ("training.short", "extra-training", "manual", 3, "passed"),
    ]
    assert {check["task"] for check in found["checks"]} == {"sst2"}
    assert [run["engine"] for run in found["runs"]] == ["trainer", "manual"]


def test_a_run_that_failed_is_told_once(project: pytest.Pytester, document: Callable[..., dict[str, Any]]) -> None:
    project.makefile(".toml", ftcheck=DIVERGES)
    found = document("--ftcheck-checks=-training.short")
    assert found["exit_status"] == pytest.ExitCode.TESTS_FAILED
    assert found["outcomes"] == {
        "data.rows": "passed",
        "data.text": "skipped",
        "collator.mask": "passed",
        "model.logits_shape": "skipped",
        "metrics.floor": "skipped",
        "training.finite_loss": "failed",
    }
    assert [finding["check"] for finding in found["findings"]] == ["training.finite_loss"]
    why = "not judged because of training.finite_loss: nan at optimizer step"
    assert f"  skipped: model.logits_shape, metrics.floor: {why}" in found["output"]


@pytest.mark.parametrize(
    ("table", "option"),
    [
        ("", "--ftcheck-checks=model,metrics"),
        ('[tasks.sst2.checks."training.finite_loss"]\nskip = "we know"\n', "--ftcheck-checks=model,metrics,training"),
    ],
    ids=["left out", "skipped"],
)
def test_a_run_that_failed_is_red_once_where_no_other_test_tells_of_it(
    project: pytest.Pytester, document: Callable[..., dict[str, Any]], table: str, option: str
) -> None:
    project.makefile(".toml", ftcheck=DIVERGES + table)
    found = document(option, "-k", "not short")
    assert found["outcomes"].items() >= {"model.logits_shape": "failed", "metrics.floor": "skipped"}.items()
    assert [finding["check"] for finding in found["findings"]] == ["training.finite_loss"]
    assert found["exit_status"] == pytest.ExitCode.TESTS_FAILED


def test_a_run_that_failed_fails_the_session_though_the_test_that_tells_of_it_is_marked_as_skipped(
    project: pytest.Pytester, document: Callable[..., dict[str, Any]]
) -> None:
    project.makefile(".toml", ftcheck=DIVERGES)
    project.makeconftest("""
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                if "finite_loss" in item.name:
                    item.add_marker(pytest.mark.skip(reason="mine"))
    """)
    found = document("-k", "collator or logits_shape or finite_loss")
    assert found["outcomes"] == {
        "collator.mask": "passed",
        "model.logits_shape": "skipped",
        "training.finite_loss": "skipped",
    }
    assert found["exit_status"] == pytest.ExitCode.TESTS_FAILED
    assert (
        "::test_training[finite_loss-trainer]: other tests left their failure to this test, but it did not fail"
        in found["output"]
    )


def test_a_check_that_crashes_is_red_without_a_traceback(
    few_checks: dict[str, Any], document: Callable[..., dict[str, Any]]
) -> None:
    from dataclasses import replace

    few_checks["data.rows"] = replace(few_checks["data.rows"], function=lambda *_: 1 / 0)
    found = document("--ftcheck-checks=data.rows")
    (finding,) = found["findings"]
    assert finding["observed"] == "ZeroDivisionError: division by zero"
    assert "Traceback" not in found["output"]


def test_the_list_shows_ids_costs_and_meanings(run_pytest: Callable[..., pytest.RunResult]) -> None:
    result = run_pytest("--ftcheck-list-checks")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        ["*data.rows *free *No more rows than the limit.", "*metrics.floor *run *Every metric is within*"]
    )
    chosen = run_pytest("--ftcheck-list-checks", "--ftcheck-checks=collator").stdout.str()
    assert "collator.mask" in chosen
    assert "data.rows" not in chosen
    refused = run_pytest("--ftcheck-list-checks", "--ftcheck-checks=colator")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines(["*unknown check 'colator'. Did you mean 'collator'?*"])


def test_tests_with_equal_parts_share_what_is_made_of_them(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's fixture makes an equal collator for every test: there is one run, one probe, one bundle."""
    from pytest_ftcheck.checks.evidence import Evidence

    made: list[Any] = []

    def noted(pipeline: Any, **others: Any) -> Any:
        made.append(pipeline)
        return Evidence(pipeline, **others)

    monkeypatch.setattr("pytest_ftcheck.sessions.bundles.Evidence", noted)
    project.makeconftest("""
        import pytest
        from transformers import DataCollatorWithPadding

        @pytest.fixture
        def ft_collator(ft_tokenizer):
            return DataCollatorWithPadding(ft_tokenizer, pad_to_multiple_of=8)
    """)
    result = run_pytest(SST2)
    assert result.parseoutcomes() == {"passed": 6, "skipped": 2}
    assert len(made) == 1
    assert made[0].data_collator.pad_to_multiple_of == 8


def test_rows_are_tokenized_once_though_a_users_fixture_makes_a_tokenizer_for_every_test(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_ftcheck.pipeline import from_card

    calls: list[int] = []
    tokenize = from_card.tokenize

    def counted(card: Any, rows: Any, *args: Any, **options: Any) -> Any:
        calls.append(len(rows))
        return tokenize(card, rows, *args, **options)

    monkeypatch.setattr(from_card, "tokenize", counted)
    project.makeconftest("""
        import pytest
        from transformers import AutoTokenizer

        @pytest.fixture
        def ft_tokenizer(ft_session):
            return AutoTokenizer.from_pretrained(ft_session.pipeline("sst2").checkpoint.folder, padding_side="left")
    """)
    assert run_pytest(SST2, "--ftcheck-checks=data,collator").ret == pytest.ExitCode.OK
    assert calls == [64, 32, 64, 32]  # the task's own, and the user's


@pytest.mark.slow
def test_of_many_seeds_only_the_latest_bundles_are_kept(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    project.makeconftest("""
        from pytest_ftcheck.plugin.session import session_of

        def pytest_sessionfinish(session):
            print("kept", [key[2] for key in session_of(session.config).bundles.kept])
    """)
    result = run_pytest(SST2, "--ftcheck-seeds=0-5", "--ftcheck-checks=model", "-s")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*kept [[]2, 3, 4, 5]"])


def test_the_run_of_a_users_fixture_is_what_is_checked(
    project: pytest.Pytester, document: Callable[..., dict[str, Any]]
) -> None:
    project.makeconftest("""
        from dataclasses import replace

        import pytest

        @pytest.fixture
        def ft_run(ft_run):
            return replace(ft_run, logits=ft_run.logits[1:])
    """)
    found = document("--ftcheck-checks=data,model")
    assert found["outcomes"]["model.logits_shape"] == "failed"
