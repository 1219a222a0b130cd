"""A report reads as pytest's summary: causes first, then the table, warnings, and the checks."""

from __future__ import annotations

import json
from typing import Any

from pytest_ftcheck.findings import Finding
from pytest_ftcheck.gates.limits import Limits
from pytest_ftcheck.gates.records import GateRecord
from pytest_ftcheck.judging.report import CheckResult, Report
from tests.report.html.parsed import Parsed


def found(check: str, **changes: Any) -> Finding:
    return Finding(check, "a task", "one thing", "another", "look there", **changes)


def report(*results: CheckResult, **changes: Any) -> Report:
    return Report(**{"task": "a", "subject": "a task", "results": results, "gates": (), "runs": {}} | changes)


FAILED = (
    CheckResult("metrics.not_constant", "trainer", "failed", (found("metrics.not_constant"),)),
    CheckResult("collator.mask", "trainer", "failed", (found("collator.mask"), found("collator.mask", unit="rows"))),
    CheckResult("data.truncation", "trainer", "passed", (), (found("data.truncation", level="warn", share=0.2),)),
    CheckResult("data.segments", "trainer", "skipped", reason="one segment"),
)
GATE = GateRecord(
    task="a",
    engine="trainer",
    seed=0,
    seconds=1.5,
    reused=False,
    metric="accuracy",
    slice="",
    value=0.91,
    missing=False,
    interval=[0.88, float("nan")],
    interval_method="Wilson",
    floor=0.9,
    margin=0.01,
    limits=Limits(limit=0.9),
    smallest_drop=0.05,
    drop=None,
    status="inconclusive",
    informs=False,
    failed=False,
    rows=300,
)


def test_causes_come_before_consequences() -> None:
    judged = report(*FAILED)
    assert not judged.ok
    assert [entry.check for entry in judged.findings] == ["collator.mask", "collator.mask", "metrics.not_constant"]
    assert [(cause.check, cause.consequences) for cause in judged.causes] == [
        ("collator.mask", ("metrics.not_constant",))
    ]
    assert judged.run is None


def test_text_of_a_report() -> None:
    lines = str(report(*FAILED, gates=(GATE,))).splitlines()
    assert lines[:3] == ["CAUSE: collator.mask: a task", "  expected  one thing", "  observed  another"]
    assert "  2 checks agree; probably failed because of it: metrics.not_constant (-v shows them)" in lines
    assert any("accuracy" in line and "inconclusive" in line and "0.9100" in line for line in lines)
    assert "WARNING, data.truncation: a task: expected one thing, observed another" in lines
    assert lines[-2:] == [
        "checks: 1 passed, 2 failed (metrics.not_constant, collator.mask), 1 skipped",
        "  skipped: data.segments: one segment",
    ]


def test_json_of_a_report() -> None:
    said = json.loads(report(*FAILED, gates=(GATE,)).to_json())
    assert said["ok"] is False
    assert [(entry["check"], entry["because_of"]) for entry in said["findings"]] == [
        ("collator.mask", None),
        ("collator.mask", None),
        ("metrics.not_constant", "collator.mask"),
    ]
    assert said["gates"][0]["interval"] == [0.88, "nan"]


def test_page_of_a_report() -> None:
    text = Parsed(report(*FAILED, gates=(GATE,), call="pytest_ftcheck.judge('a')").to_html()).text
    places = [
        text.index(words)
        for words in (
            "Failed. 2 of 4 checks failed, 1 skipped, accuracy is inconclusive",
            "Most likely cause collator.mask a task expected one thing observed another",
            "1 more finding of this check",
            "1 check failed, probably because of it: metrics.not_constant",
            "0.8800 to nan",
            "Warnings data.truncation",
            "Checks 2 failed",
            "1 warned",
            "skipped: one segment",
            "Reproduce pytest_ftcheck.judge('a')",
        )
    ]
    assert places == sorted(places)


def test_markdown_of_a_report() -> None:
    lines = report(*FAILED, gates=(GATE,)).to_markdown().splitlines()
    assert lines[0] == "## ❌ ftcheck: a failed"
    assert "**Likely cause: `collator.mask`** of a (2 checks agree)" in lines
    assert "| accuracy | trainer | 0 | - | 0.9100 | - | 0.8800 to nan | at least 0.9000 | inconclusive |" in lines


def test_nothing_that_failed_is_fine() -> None:
    judged = report(CheckResult("collator.mask", "trainer", "passed"))
    assert judged.ok
    assert str(judged) == "checks: 1 passed"
