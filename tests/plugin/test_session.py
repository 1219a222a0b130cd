"""``pytest --ftcheck-task=mrpc``: one session in a process of its own, looked at from all sides."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

CHECKS = "data,collator,metrics.floor,metrics.keys,serving.tokenizer,training.finite_loss,training.engine_parity"
"""What a fine-tune of two optimizer steps can pass."""

NODE_ID = re.compile(r"ftcheck/mrpc::test_\w+(\[[\w-]+\])?")


@pytest.fixture(scope="module")
def folder(quick_folder: Callable[[str], Path]) -> Path:
    """A project with a test of its own, which must not run."""
    folder = quick_folder("session")
    (folder / "test_own.py").write_text("def test_own(): assert False\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def session(
    folder: Path, own_process: Callable[..., subprocess.CompletedProcess[str]]
) -> subprocess.CompletedProcess[str]:
    return own_process(
        folder, "--ftcheck-task=mrpc", "--ftcheck-engine=both", f"--ftcheck-checks={CHECKS}",
        "--ftcheck-json=out.json", "--junitxml=out.xml", "-rA",
    )  # fmt: skip


@pytest.fixture(scope="module")
def document(
    session: subprocess.CompletedProcess[str], folder: Path, read_document: Callable[[str], dict[str, Any]]
) -> dict[str, Any]:
    assert session.returncode == 0, session.stdout + session.stderr
    return read_document((folder / "out.json").read_text(encoding="utf-8"))


def test_the_session_passes_without_a_warning(session: subprocess.CompletedProcess[str]) -> None:
    assert session.returncode == 0, session.stdout + session.stderr
    assert re.search(r"=+ \d+ passed, 5 skipped in [\d.]+s.* =+\s*\Z", session.stdout)
    assert session.stderr == ""


def test_only_the_suite_runs_where_no_path_is_given(session: subprocess.CompletedProcess[str]) -> None:
    passed = re.findall(r"^PASSED (.*)$", session.stdout, re.MULTILINE)
    assert passed
    assert all(NODE_ID.fullmatch(nodeid) for nodeid in passed)
    some = {
        "data[duplicates]",
        "collator[mask]",
        "metric_floor[expected_calibration_error-manual]",
        "training[engine_parity]",
    }
    assert {f"ftcheck/mrpc::test_{name}" for name in some} <= set(passed)


@pytest.mark.parametrize(
    "words",
    [
        r"mrpc · tier tiny · tiny-bert \(\d+k parameters\)",
        r"data bundled: 64 train \+ 32 validation rows \(SYNTHETIC: .*not GLUE",
        r"engine trainer, manual · seed 0 · cpu \(.*\) · float32 · 1 thread · kernels: fast \(memory, .*\)\n",
        r"python 3\.\d+\.\d+ · torch 2\.\S+ · transformers \d\S+ · .*numpy \d",
    ],
)
def test_the_header_says_what_is_measured_on_what(session: subprocess.CompletedProcess[str], words: str) -> None:
    assert re.search(rf"^ftcheck: .*{words}", session.stdout, re.MULTILINE)


@pytest.mark.parametrize("engine", ["trainer", "manual"])
@pytest.mark.parametrize(
    ("metric", "limit", "status"),
    [
        ("accuracy", "-", "ungated"),
        ("f1", "-", "ungated"),
        ("expected_calibration_error", "at most 0\\.9900", "pass"),
    ],
)
def test_the_summary_has_a_row_for_every_gate(
    session: subprocess.CompletedProcess[str], engine: str, metric: str, limit: str, status: str
) -> None:
    value = r"[01]\.\d{4}"
    row = rf"^ ?mrpc +{engine} +{metric} +{value} +{value} to {value} +{limit} +{status} +{value} +32 +\d+\.\d$"
    assert len(re.findall(row, session.stdout, re.MULTILINE)) == 1


def test_the_summary_says_what_was_measured_on_what(session: subprocess.CompletedProcess[str]) -> None:
    _, _, summary = session.stdout.partition("= ftcheck =")
    assert re.search(r"^checks: \d+ passed, 5 skipped$", summary, re.MULTILINE)
    assert "mrpc: tiny-bert on bundled (64 train, 32 evaluated rows), SYNTHETIC: " in summary
    assert re.search(r"^model of mrpc, manual, seed 0: /.*/model$", summary, re.MULTILINE)


def test_plain_progress_stands_on_lines_of_its_own(session: subprocess.CompletedProcess[str]) -> None:
    lines = [line for line in session.stdout.splitlines() if " samples/s · " in line]
    assert any(line.startswith("mrpc · trainer · seed 0 · epoch 1.0/1 · step 2/2 · loss ") for line in lines)
    assert all(re.fullmatch(r"mrpc · (trainer|manual) · .* · \d+:\d\d left", line) for line in lines)


def test_the_json_document_has_the_documented_keys(document: dict[str, Any]) -> None:
    assert set(document) == {
        "schema", "finished", "command", "versions", "started", "seconds", "figures", "tasks",
        "engines", "seeds", "exit_status", "idle_tasks",
        "gates", "seed_gates", "warnings", "baseline", "calibration", "runs", "checks", "faults", "findings",
            "causes", "notes",
    }  # fmt: skip
    assert document["schema"] == 1
    assert (document["finished"], document["exit_status"]) == (True, 0)
    assert document["tasks"] == ["mrpc"]
    assert document["engines"] == ["trainer", "manual"]
    assert document["idle_tasks"] == document["findings"] == document["notes"] == []


def test_the_json_document_has_every_gate(document: dict[str, Any]) -> None:
    gates = document["gates"]
    metrics = ("accuracy", "f1", "expected_calibration_error")
    assert [(gate["engine"], gate["metric"]) for gate in gates] == [
        (engine, metric) for engine in ("trainer", "manual") for metric in metrics
    ]
    for gate in gates:
        low, high = gate["interval"]
        assert low <= gate["value"] <= high
        assert gate["interval_method"]
        assert gate["rows"] == 32
        assert gate["smallest_drop"] > 0
        assert not gate["reused"]
        assert not gate["informs"]
        limited = gate["metric"] == "expected_calibration_error"
        assert gate["status"] == ("pass" if limited else "ungated")
        assert gate["floor"] == (0.99 if limited else None)
        assert gate["margin"] == (gate["value"] - 0.99 if limited else None)


def test_the_json_document_has_every_run(document: dict[str, Any]) -> None:
    runs = document["runs"]
    assert [run["engine"] for run in runs] == ["trainer", "manual"]
    for run in runs:
        assert run["synthetic"]
        assert run["logits_shape"] == [32, 2]
        assert run["train_rows"] == 64
        assert run["environment"]["device"] == "cpu"
        assert run["timings"]["train"] > 0
        assert run["metrics"]["accuracy"] == run["epochs"][-1]["accuracy"]


def test_the_json_document_has_every_check(document: dict[str, Any], session: subprocess.CompletedProcess[str]) -> None:
    checks = {check["nodeid"]: check["outcome"] for check in document["checks"]}
    passed = {nodeid for nodeid, outcome in checks.items() if outcome == "passed"}
    assert passed == set(re.findall(r"^PASSED (.*)$", session.stdout, re.MULTILINE))
    # They ask for a baseline, and there is none.
    gates = [
        f"test_metric_floor[{metric}-{engine}]" for metric in ("accuracy", "f1") for engine in ("trainer", "manual")
    ]
    few = "test_data[sources_agree]"  # a quarter of the rows has too few of each class
    assert sorted(set(checks) - passed) == sorted(f"ftcheck/mrpc::{name}" for name in (*gates, few))


def test_junit_has_the_metrics_as_properties(
    session: subprocess.CompletedProcess[str], document: dict[str, Any], folder: Path
) -> None:
    assert "warnings summary" not in session.stdout
    warned = [line for line in session.stdout.splitlines() if line.startswith("WARNING, ")]
    assert [line.partition(": ")[0] for line in warned] == ["WARNING, data.evaluation_rows"]  # 32 rows, to be quick
    tree = ET.parse(folder / "out.xml")  # noqa: S314 - written by the session above
    gated = "expected_calibration_error"
    (case,) = tree.iterfind(f".//testcase[@name='test_metric_floor[{gated}-trainer]']")
    properties = {entry.attrib["name"]: float(entry.attrib["value"]) for entry in case.iterfind(".//property")}
    (gate,) = [gate for gate in document["gates"] if (gate["engine"], gate["metric"]) == ("trainer", gated)]
    assert properties == {gated: gate["value"], f"{gated}_ceiling": 0.99}


def test_the_models_of_the_session_load_as_any_other(document: dict[str, Any]) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = document["runs"][0]["folder"] + "/model"
    assert AutoModelForSequenceClassification.from_pretrained(folder).config.num_labels == 2
    assert AutoTokenizer.from_pretrained(folder)("Anna", "Jack")["input_ids"]


def test_nothing_is_written_but_what_was_asked_for(session: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert session.returncode == 0
    names = {path.name for path in folder.iterdir()}
    # .benchmarks is pytest-benchmark's own
    assert names - {".pytest_cache", ".benchmarks", "__pycache__"} == {
        "ftcheck.toml",
        "test_own.py",
        "out.json",
        "out.xml",
    }
