"""`judge` says what pytest says, and needs no pytest."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck import FtcheckError, Settings, judge, load_card
from pytest_ftcheck.pipeline.factory import load_factory

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.judging.report import Report

USER_TRAIN = Path(__file__).parents[1] / "pipeline" / "user_train.py"
FEW = ("data", "collator.mask", "model.finite", "training.completes", "training.extent", "metrics")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "train.py").write_text(USER_TRAIN.read_text(encoding="utf-8"), encoding="utf-8")
    return Settings(rootdir=tmp_path, device="cpu")


def outcomes(report: Report) -> dict[str, str]:
    return {result.check: result.outcome for result in report.results}


def results_of(page: str) -> str:
    """Return verdict, gates, plots and rows of a page, without durations and the causes' next steps."""
    verdict = page[page.index('<p class="verdict') :].partition("</p>")[0]
    return verdict + page[page.index("<h3>Gates</h3>") : page.index("<h3>Checks</h3>")]


@pytest.mark.slow
def test_judge_and_pytest_say_the_same(
    pytester: pytest.Pytester, read_document: Callable[[str], dict[str, Any]]
) -> None:
    pytester.path.joinpath("train.py").write_text(USER_TRAIN.read_text(encoding="utf-8"), encoding="utf-8")
    arguments = ("--ftcheck-trainer=train.py:build", f"--ftcheck-checks={','.join(FEW)}", "--ftcheck-device=cpu")
    forms = ("--ftcheck-json=document.json", "--ftcheck-html=page.html", "--ftcheck-md=summary.md")
    pytester.runpytest_subprocess(*arguments, *forms)
    document = read_document(pytester.path.joinpath("document.json").read_text(encoding="utf-8"))
    report = judge("train.py:build", checks=FEW, settings=Settings(rootdir=pytester.path, device="cpu"))
    said = read_document(report.to_json())
    assert {check["check"]: (check["outcome"], check["reason"]) for check in said["checks"]} == {
        check["check"]: (check["outcome"], check["reason"]) for check in document["checks"]
    }
    for kind in ("findings", "warnings"):
        assert sorted((found["check"], found["observed"]) for found in said[kind]) == sorted(
            (found["check"], found["observed"]) for found in document[kind]
        )
    assert [cause["finding"]["check"] for cause in said["causes"]] == [
        cause["finding"]["check"] for cause in document["causes"]
    ]
    timed = {"seconds", "reused"}
    for gate, expected in zip(said["gates"], document["gates"], strict=True):
        assert {key: value for key, value in gate.items() if key not in timed} == {
            key: value for key, value in expected.items() if key not in timed
        }
    assert report.ok == (document["exit_status"] == 0)
    page, summary = (pytester.path.joinpath(name).read_text(encoding="utf-8") for name in ("page.html", "summary.md"))
    assert results_of(report.to_html()) == results_of(page)
    assert "<figcaption>Loss</figcaption>" in results_of(page)
    assert [line for line in report.to_markdown().splitlines() if line.startswith("|")] == [
        line for line in summary.splitlines() if line.startswith("|")
    ]


def test_a_function_a_name_and_a_card_are_judged(settings: Settings) -> None:
    build: Any = load_factory("train.py:build", settings.rootdir)
    checks = ("collator.mask", "model.dtype")
    assert judge(build, checks=checks, settings=settings).task == "train-build"
    small = replace(settings, max_train_rows=8, max_eval_rows=32)
    for subject in ("sst2", load_card("sst2", {})):
        report = judge(subject, checks=checks, settings=small)
        assert (report.task, report.ok, report.run) == ("sst2", True, None)
        assert outcomes(report) == {"collator.mask": "passed", "model.dtype": "passed"}


def test_what_ended_the_run_is_told_once(settings: Settings) -> None:
    build: Any = load_factory("train.py:build", settings.rootdir)

    def breaks() -> Any:
        trainer = build()
        trainer.training_step = lambda *_, **__: 1 / 0
        return trainer

    report = judge(breaks, checks=("model.finite", "model.predictions"), settings=settings)
    assert [found.check for found in report.findings] == ["training.completes"]
    assert "ZeroDivisionError" in report.findings[0].observed
    assert {result.outcome for result in report.results if result.check.startswith("model.")} == {"skipped"}
    both = judge(breaks, checks=("model.finite", "training.completes"), settings=settings)
    assert outcomes(both) == {"model.finite": "skipped", "training.completes": "failed"}


def test_warnings_fail_where_that_is_asked_for(settings: Settings) -> None:
    checks = ("data.label_names",)
    assert [found.check for found in judge("train.py:build", checks=checks, settings=settings).warnings] == list(checks)
    strict = judge("train.py:build", checks=checks, settings=replace(settings, strict=True))
    assert (strict.ok, len(strict.warnings)) == (False, 0)


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        (7, "expected a function that returns a Trainer"),
        ("sst3", "Did you mean 'sst2'"),
        ("train.py:biuld", "Did you mean 'build'"),
    ],
)
def test_what_cannot_be_judged_is_refused(settings: Settings, subject: Any, message: str) -> None:
    with pytest.raises(FtcheckError, match=message):
        judge(subject, settings=settings)


def test_a_check_that_is_not_there_is_refused(settings: Settings) -> None:
    with pytest.raises(FtcheckError, match=r"unknown check 'data\.duplicate'"):
        judge("train.py:build", checks=("data.duplicate",), settings=settings)


@pytest.mark.slow
def test_a_script_needs_no_pytest(tmp_path: Path) -> None:
    code = """
import sys
from pytest_ftcheck import Settings, judge
report = judge("sst2", checks=("collator.mask",), settings=Settings(max_train_rows=8, max_eval_rows=32))
print(report)
assert report.ok and not {"pytest", "_pytest"} & sys.modules.keys()
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "checks: 1 passed"
