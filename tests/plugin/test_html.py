"""`--ftcheck-html`: written at the end of a session, refused early where it cannot be written."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.report.baseline import BaselineRecord
from pytest_ftcheck.report.document import Document
from pytest_ftcheck.report.html.page import page
from pytest_ftcheck.report.read import read_file
from tests.report.html.parsed import Parsed

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

OPTIONS = ("--ftcheck-task=sst2", "--ftcheck-json=out.json")


def test_a_session_writes_its_page(
    run_pytest: Callable[..., pytest.RunResult], few_checks: object, pytester: pytest.Pytester
) -> None:
    assert few_checks
    result = run_pytest(*OPTIONS, "--ftcheck-html=out.html")
    result.stdout.fnmatch_lines(["all results are in out.json, out.html"])
    written = (pytester.path / "out.html").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads((pytester.path / "out.json").read_text(encoding="utf-8"))
    (figures,) = document["figures"]
    assert figures["missing"] == {}
    assert len(figures["worst"]) == document["runs"][0]["rows"]
    assert document["command"].endswith("--ftcheck-html=out.html")
    assert document["command"] in written
    assert "<h3>Gates</h3>" in written
    assert figures["worst"][0]["text"][0][:20] in written


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


WATCH = """
import os
import sys

def note(event, arguments):
    if event != "os.rename" or not str(arguments[1]).endswith(".html"):
        return
    with open(arguments[0]) as file:
        finished = "has not finished" not in file.read()
    if finished:
        with open("written.txt", "a") as file:
            file.write(os.environ.get("PYTEST_XDIST_WORKER", "controller") + "\\n")

sys.addaudithook(note)
"""
"""A ``conftest.py`` that notes which process writes a page of a session that has finished."""


def document_of(path: Path) -> Document:
    document = read_file(path)
    assert isinstance(document, Document)
    return document


def same_times(document: Document) -> Document:
    """Give what differs from session to session the same value."""
    return replace(
        document,
        command="pytest",
        started=0.0,
        seconds=1.0,
        gates=[replace(gate, seconds=1.0) for gate in document.gates],
        runs=[replace(run, timings={"train": 1.0}, folder=f"{run.task}-{run.engine}") for run in document.runs],
        figures=[replace(entry, folder=f"{entry.task}-{entry.engine}") for entry in document.figures],
        checks=[replace(check, seconds=1.0) for check in document.checks],
    )


@pytest.mark.slow
def test_under_xdist_the_controller_writes_the_same_page(
    quick_folder: Callable[[str], Path], own_process: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    pytest.importorskip("xdist")
    folder = quick_folder("page")
    (folder / "conftest.py").write_text(WATCH, encoding="utf-8")
    pages = {}
    for workers in ("2", "0"):
        done = own_process(
            folder, "--ftcheck-task=mrpc,sst2", "--ftcheck-checks=data.labels_in_range,metrics.floor",
            "-n", workers, f"--ftcheck-json={workers}.json", f"--ftcheck-html={workers}.html",
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        document = document_of(folder / f"{workers}.json")
        assert (folder / f"{workers}.html").read_text(encoding="utf-8") == page(document)
        pages[workers] = page(same_times(document))
    assert pages["2"] == pages["0"]
    assert (folder / "written.txt").read_text(encoding="utf-8").split() == ["controller"] * len(pages)


RECIPE = """
max_train_rows = {rows}
[tasks.sst2.recipe.tiny]
num_train_epochs = {epochs}
[tasks.sst2.floors.tiny.tiny-bert]
accuracy = {{ max_drop = 0.02 }}
"""


@pytest.mark.slow
def test_the_page_of_a_worse_run_shows_what_changed_against_the_accepted_one(
    tmp_path: Path, own_process: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    shared = ("--ftcheck-task=sst2", "--ftcheck-checks=metrics.floor", "-p", "no:xdist")
    (tmp_path / "ftcheck.toml").write_text(RECIPE.format(rows=1200, epochs=3), encoding="utf-8")
    accepted = own_process(tmp_path, *shared, "--ftcheck-update-baseline", "--ftcheck-reason=release 1")
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    (tmp_path / "ftcheck.toml").write_text(RECIPE.format(rows=64, epochs=1), encoding="utf-8")
    worse = own_process(tmp_path, *shared, "--ftcheck-json=out.json", "--ftcheck-html=out.html")
    assert worse.returncode == 1, worse.stdout + worse.stderr

    document = document_of(tmp_path / "out.json")
    gate = next(gate for gate in document.gates if gate.metric == "accuracy" and not gate.slice)
    assert isinstance(document.baseline, BaselineRecord)
    (compared,) = document.baseline.comparisons
    assert gate.drop is not None
    assert gate.interval is not None
    assert gate.drop.drop > 0.1
    assert len(compared.flips) > 40
    parsed = Parsed((tmp_path / "out.html").read_text(encoding="utf-8"))
    text = parsed.text
    before, now = f"{gate.drop.before:.4f}", f"{gate.value:.4f}"
    interval = " to ".join(f"{end:.4f}" for end in gate.interval)
    strip = f"value {now}, 95% interval {interval}, limit -, accepted run {before}"
    assert "Failed. 1 of 1 check failed, accuracy is beyond its limit." in text
    assert any(svg.get("aria-label") == strip for svg in parsed.all("svg"))
    assert f"accuracy trainer, seed 0 {now} {interval} - {before} " in text
    title = "Changed predictions, trainer, seed 0: against the run accepted on"
    assert f"{title} {compared.accepted}: {len(compared.flips)} rows" in text
    table = text[text.index(title) : text.index("Rows with the highest loss")]
    assert "row text label accepted run this run worse by" in table
    places = [table.index(flip.text[0]) for flip in compared.flips[:10]]
    assert places == sorted(places)
    first = compared.flips[0]
    assert f"{first.text[0]} {first.label} {first.before} {first.after} {first.worse:+.4f}" in table
