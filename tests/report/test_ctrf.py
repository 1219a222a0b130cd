"""The Common Test Report Format: exactly its fields, and the same identifiers in every session."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from pytest_ftcheck.report.ctrf import ctrf
from pytest_ftcheck.report.json import json_text
from pytest_ftcheck.report.unfinished import UNFINISHED
from tests.report.made_up import document, gate, red_document

REQUIRED = {
    "": {"reportFormat", "specVersion", "results"},
    "results": {"tool", "summary", "tests"},
    "summary": {"tests", "passed", "failed", "skipped", "pending", "other", "start", "stop"},
    "test": {"name", "status", "duration"},
}
ALLOWED = {
    "": REQUIRED[""] | {"reportId", "timestamp", "generatedBy", "extra"},
    "results": REQUIRED["results"] | {"environment", "extra"},
    "summary": REQUIRED["summary"] | {"flaky", "suites", "duration", "extra"},
    "test": REQUIRED["test"]
    | {"id", "start", "stop", "suite", "message", "trace", "rawStatus", "tags", "labels", "type", "filePath", "extra"},
}
"""Keys of version 1.0.0 of the specification, which allows no others; those that this report could have."""


def check(report: dict[str, Any]) -> None:
    results = report["results"]
    parts = [("", report), ("results", results), ("summary", results["summary"])]
    for kind, part in [*parts, *(("test", test) for test in results["tests"])]:
        assert REQUIRED[kind] <= part.keys() <= ALLOWED[kind], kind
    assert report["reportFormat"] == "CTRF"
    assert all(type(value) is int for name, value in results["summary"].items() if name != "extra")
    assert results["tool"].keys() <= {"name", "version", "extra"}
    assert results.get("environment", {}).keys() <= {"testEnvironment", "extra"}
    for test in results["tests"]:
        assert test["status"] in {"passed", "failed", "skipped", "pending", "other"}
        assert type(test["duration"]) is int
        assert all(isinstance(value, (str, int, float)) for value in test["labels"].values())
        UUID(test["id"])


@pytest.mark.parametrize("made", [document(), red_document(), document(gates=[gate(value=math.nan)], checks=[])])
def test_it_has_the_fields_of_the_format(made: Any) -> None:
    report = json.loads(json_text(ctrf(made)))
    check(report)
    UUID(report["reportId"])
    assert datetime.fromisoformat(report["timestamp"]).tzinfo is not None
    check(json.loads(UNFINISHED["ctrf"]))


def test_tests_are_counted_and_timed_in_milliseconds() -> None:
    summary = ctrf(red_document())["results"]["summary"]
    assert {name: summary[name] for name in ("tests", "passed", "failed", "skipped", "pending", "other")} == {
        "tests": 5,
        "passed": 1,
        "failed": 3,
        "skipped": 1,
        "pending": 0,
        "other": 0,
    }
    assert (summary["start"], summary["stop"], summary["duration"]) == (1_790_000_000_500, 1_790_000_012_750, 12_250)


def test_a_failed_test_has_message_text_and_cause() -> None:
    mask, padding, *_, skipped = ctrf(red_document())["results"]["tests"]
    assert mask["name"] == "ftcheck/mrpc::test_collator[mask]"
    assert mask["suite"] == ["ftcheck", "mrpc", "collator"]
    assert mask["message"].startswith("collator.mask: expected attention_mask 1 at every token")
    assert "  what to do: the mask is inverted" in mask["trace"]
    assert padding["extra"] == {"becauseOf": ["collator.mask"]}
    assert (skipped["status"], skipped["message"]) == ("skipped", "the recipe does not use mixed precision")


def test_identifiers_of_tests_are_those_of_every_session() -> None:
    first, second = (ctrf(document(started=started))["results"]["tests"] for started in (1.0, 2.0))
    assert [test["id"] for test in first] == [test["id"] for test in second]
    assert len({test["id"] for test in first}) == len(first)
