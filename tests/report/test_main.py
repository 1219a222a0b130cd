"""``python -m pytest_ftcheck.report``: renders a document, compares two, and refuses what is none."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.report.__main__ import main
from pytest_ftcheck.report.ctrf import ctrf
from pytest_ftcheck.report.json import json_text, write_json
from pytest_ftcheck.report.markdown import markdown
from pytest_ftcheck.report.openmetrics import openmetrics
from pytest_ftcheck.report.records import UnfinishedDocument
from tests.report.made_up import document, gate, red_document

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    write_json(tmp_path / "before.json", document())
    write_json(tmp_path / "after.json", red_document())
    return str(tmp_path / "before.json"), str(tmp_path / "after.json")


def test_a_document_is_written_in_other_forms(files: tuple[str, str], tmp_path: Path) -> None:
    paths = {name: tmp_path / name for name in ("md", "ctrf", "openmetrics")}
    assert main(["render", files[1], *(f"--{name}={path}" for name, path in paths.items())]) == 0
    told = {name: path.read_text(encoding="utf-8") for name, path in paths.items()}
    assert told["md"] == markdown(red_document())
    assert json.loads(told["ctrf"]) == json.loads(json_text(ctrf(red_document())))
    assert told["openmetrics"] == openmetrics(red_document())


def test_without_a_form_the_summary_is_printed(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", files[1]]) == 0
    assert capsys.readouterr().out.startswith("CAUSE: collator.mask: batch of lengths (3, 5)\n")


def test_two_documents_are_compared(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", *files]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "verdict: passed → failed",
        "likely cause: none → collator.mask",
        "mrpc, trainer, seed 0, accuracy: 0.8975 → 0.8125 (-0.0850), pass → fail",
        "mrpc, trainer, seed 0, f1: new, 0.8975 (ungated)",
    ]
    assert lines[4].startswith("ftcheck/mrpc::test_collator[mask]: passed → failed: expected attention_mask 1")
    assert any(line.endswith("observed 0.8712, probably because of collator.mask") for line in lines)
    assert main(["diff", files[0], files[0]]) == 0
    assert capsys.readouterr().out == "no difference in verdict, metrics, checks and versions\n"


def test_versions_and_metrics_that_are_gone_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = document(gates=[gate(), gate(metric="f1", slice="class=a")]), document()
    after = replace(after, versions={**after.versions, "torch": "2.14.0"})
    write_json(tmp_path / "a.json", before)
    write_json(tmp_path / "b.json", after)
    main(["diff", str(tmp_path / "a.json"), str(tmp_path / "b.json")])
    assert capsys.readouterr().out.splitlines() == [
        "mrpc, trainer, seed 0, f1, class=a: no longer judged",
        "version of torch: 2.13.0 → 2.14.0",
    ]


def test_what_is_no_finished_document_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_json(tmp_path / "a.json", UnfinishedDocument())
    assert main(["render", str(tmp_path / "a.json")]) == 2
    assert "says that its session has not ended: give the document" in capsys.readouterr().err
    assert main(["diff", str(tmp_path / "a.json"), "absent.json"]) == 2
    (tmp_path / "b.json").write_text('{"schema": 7}', encoding="utf-8")
    assert main(["render", str(tmp_path / "b.json")]) == 2
    assert "b.json has schema 7, and this version of pytest-ftcheck reads schema 1" in capsys.readouterr().err


def test_a_form_that_cannot_be_written_is_told(
    files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["render", files[0], f"--md={tmp_path}"]) == 2
    assert f"--md={tmp_path}: not written, " in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main(["render", files[0], "--m=x.md"])  # no abbreviations
    assert caught.value.code == 2
