"""The Common Test Report Format: valid by its published schema, and the same identifiers in every session."""

from __future__ import annotations

import json
import math
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft7Validator, ValidationError

from pytest_ftcheck.report.ctrf import ctrf
from pytest_ftcheck.report.document import Document
from pytest_ftcheck.report.json import json_text
from pytest_ftcheck.report.read import read_file
from pytest_ftcheck.report.unfinished import UNFINISHED
from tests.report.made_up import document, gate, red_document

SCHEMA = json.loads((Path(__file__).parent / "ctrf" / "ctrf-schema-0.0.json").read_text(encoding="utf-8"))
"""As the format's authors publish it; it allows no keys but its own."""
DOCUMENTS = Path(__file__).parent / "documents"


def check(report: dict[str, Any]) -> None:
    Draft7Validator.check_schema(SCHEMA)
    Draft7Validator(SCHEMA, format_checker=Draft7Validator.FORMAT_CHECKER).validate(report)
    assert report["specVersion"] == "1.0.0"


@pytest.mark.parametrize("made", [document(), red_document(), document(gates=[gate(value=math.nan)], checks=[])])
def test_it_is_valid_by_the_schema_of_the_format(made: Any) -> None:
    report = json.loads(json_text(ctrf(made)))
    check(report)
    assert (
        datetime.fromisoformat(report["timestamp"]).tzinfo is not None
    )  # RFC 3339, which jsonschema alone does not check
    assert [UUID(test["id"]).version for test in report["results"]["tests"]] == [5] * len(made.checks)
    check(json.loads(UNFINISHED["ctrf"]))


@pytest.mark.parametrize("path", sorted(DOCUMENTS.glob("*.json")), ids=lambda path: path.stem)
def test_the_reports_of_recorded_sessions_are_valid(path: Path) -> None:
    made = read_file(path)
    assert isinstance(made, Document)
    check(json.loads(json_text(ctrf(made))))


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        (("results",), "causes", []),
        (("results", "tests", 0), "status", "green"),
        (("results", "summary"), "start", 0.5),
    ],
)
def test_the_schema_refuses_what_the_format_has_not(place: tuple[str | int, ...], key: str, value: object) -> None:
    report: Any = json.loads(json_text(ctrf(red_document())))
    part = report
    for step in place:
        part = part[step]
    part[key] = value
    with pytest.raises(ValidationError):
        check(report)


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
