"""`--ftcheck-html`: written at the end of a session, refused early where it cannot be written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

OPTIONS = ("--ftcheck-task=sst2", "--ftcheck-json=out.json")


def test_a_session_writes_its_page(
    run_pytest: Callable[..., pytest.RunResult], few_checks: object, pytester: pytest.Pytester
) -> None:
    assert few_checks
    result = run_pytest(*OPTIONS, "--ftcheck-html=out.html")
    result.stdout.fnmatch_lines(["all results are in out.json, out.html"])
    page = (pytester.path / "out.html").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads((pytester.path / "out.json").read_text(encoding="utf-8"))
    (figures,) = document["figures"]
    assert figures["missing"] == {}
    assert len(figures["worst"]) == document["runs"][0]["rows"]
    assert document["command"].endswith("--ftcheck-html=out.html")
    assert document["command"] in page
    assert "<h3>Gates</h3>" in page
    assert figures["worst"][0]["text"][0][:20] in page


def test_a_session_without_a_page_keeps_texts_of_rows_to_itself(
    run_pytest: Callable[..., pytest.RunResult], few_checks: object, pytester: pytest.Pytester
) -> None:
    assert few_checks
    run_pytest(*OPTIONS)
    document: dict[str, Any] = json.loads((pytester.path / "out.json").read_text(encoding="utf-8"))
    (figures,) = document["figures"]
    assert figures["worst"] == []
    assert figures["classes"]["names"] == ["negative", "positive"]


@pytest.mark.parametrize(("path", "reason"), [("no/such/out.html", "its folder is absent"), (".", "it is a folder")])
def test_a_page_that_cannot_be_written_is_misuse(
    run_pytest: Callable[..., pytest.RunResult], path: str, reason: str
) -> None:
    result = run_pytest("--ftcheck-task=sst2", f"--ftcheck-html={path}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--ftcheck-html={path}: cannot be written*{reason}*"])


def test_a_page_that_is_lost_fails_the_session(run_pytest: Callable[..., pytest.RunResult], few_checks: object) -> None:
    assert few_checks
    result = run_pytest("--ftcheck-task=sst2", "--ftcheck-checks=data.rows", "--ftcheck-html=/dev/full")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["ERROR: --ftcheck-html=/dev/full: not written, No space left on device; *"])
