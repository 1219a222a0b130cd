"""The process that serves: one for a session, a copy of it for each folder; and what is said where it fails."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.checks.catalogue import catalogue, run_check
from pytest_ftcheck.checks.serving import fresh, fresh_process, fresh_script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.runs.run import Run

    MakeEvidence = Callable[..., Evidence]

CHECKS = ("reload", "pipeline", "tokenizer")


def judge(name: str, evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()[f"serving.{name}"], evidence)


@pytest.fixture
def _own_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start a process for this test, and end it."""
    monkeypatch.setattr(fresh_process, "_process", None)
    yield
    if fresh_process._process is not None:
        fresh_process._process.close()


@pytest.mark.slow
def test_folders_as_they_were_saved_are_healthy_in_one_process_and_a_copy_for_each(
    saved_evidence: MakeEvidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = []
    serve = fresh_process.FreshProcess.serve

    def noted(process: fresh_process.FreshProcess, folder: Path, seconds: float | None) -> str:
        served.append(process)
        return serve(process, folder, seconds)

    monkeypatch.setattr(fresh_process.FreshProcess, "serve", noted)
    for task in ("mrpc", "stsb"):
        evidence = saved_evidence(task)
        fresh.start_early(evidence)
        assert {name: judge(name, evidence) for name in CHECKS} == {name: [] for name in CHECKS}
        assert len(fresh.served(evidence).text_rows) > 20
    first, second = served
    assert (first is second, first.runs) == (True, True)


@pytest.mark.usefixtures("_own_process")
def test_process_that_dies_is_found(saved_evidence: MakeEvidence, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Path(__file__).parent / "no_such_script.py"
    monkeypatch.setattr(fresh_script, "__file__", str(script))
    (finding,) = judge("reload", saved_evidence("mrpc"))
    assert finding.observed.startswith("it does not load: the fresh process ended with 2: ")
    assert "no_such_script.py" in finding.observed


@pytest.mark.usefixtures("_own_process")
def test_process_that_hangs_is_found(saved_evidence: MakeEvidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fresh_process, "_SECONDS", 0.01)
    (finding,) = judge("reload", saved_evidence("mrpc"))
    assert finding.observed == "it does not load: the fresh process did not answer within 0.01 s"


def test_copy_that_fails_is_told_and_the_process_goes_on(tmp_path: Path) -> None:
    request = tmp_path / fresh_script.REQUEST
    request.write_text(json.dumps({"device": "cpu"}))  # names neither model nor threads
    process = fresh_process.fresh_process()
    assert process.serve(tmp_path) == "the fresh process ended with 1: KeyError: 'threads'"
    assert process.runs


@pytest.mark.slow
@pytest.mark.usefixtures("_own_process")
def test_where_no_copy_can_be_made_every_folder_has_a_process_of_its_own(
    saved_evidence: MakeEvidence, saved_runs: dict[str, Run]
) -> None:
    elsewhere = {**saved_runs["mrpc"].environment, "device": "cpu:0"}  # for all that the script knows, a GPU
    run = replace(saved_runs["mrpc"], environment=elsewhere)
    asked = []
    for _ in range(2):
        asked.append(fresh_process.fresh_process())
        assert judge("reload", saved_evidence("mrpc", run=run)) == []
        assert not asked[-1].runs
    assert asked[0] is not asked[1]


@pytest.mark.slow
@pytest.mark.usefixtures("_own_process")
def test_what_fails_without_a_copy_is_told(tmp_path: Path) -> None:
    (tmp_path / fresh_script.REQUEST).write_text(json.dumps({"device": "cuda"}))
    assert fresh_process.fresh_process().serve(tmp_path) == "the fresh process ended with 1: KeyError: 'threads'"


@pytest.mark.slow
@pytest.mark.usefixtures("_own_process")
def test_process_that_was_killed_is_replaced(saved_evidence: MakeEvidence) -> None:
    killed = fresh_process.fresh_process()
    killed._kill()
    killed._process.wait()
    assert judge("reload", saved_evidence("mrpc")) == []
    assert fresh_process.fresh_process() is not killed


@pytest.mark.usefixtures("_own_process")
def test_process_ends_with_its_copies() -> None:
    process = fresh_process.fresh_process()
    os.killpg(process._process.pid, 0)  # it is there
    process.close()
    with pytest.raises(ProcessLookupError):
        os.killpg(process._process.pid, 0)
