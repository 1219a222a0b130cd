"""The schema of the JSON document and its page: they are up to date, and refuse what no record holds."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pytest_ftcheck.report import schema as made_by
from pytest_ftcheck.report.json import json_text
from pytest_ftcheck.report.records import FoundRecord, UnfinishedDocument

REPOSITORY = Path(__file__).resolve().parents[2]
SCHEMA = REPOSITORY / "pytest_ftcheck" / "report" / "schema.json"
PAGE = REPOSITORY / "docs" / "json.md"
COMMAND = f"{Path(sys.executable).name} -m pytest_ftcheck.report.schema"


def test_the_schema_is_up_to_date() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == made_by.schema_text(), f"write it again: {COMMAND} > {SCHEMA}"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == made_by.page(), f"write it again: {COMMAND} page > {PAGE}"


def errors_of(document: Any, name: str | None = None) -> int:
    """Count what the schema says against a document, or against an entry of some name."""
    schema = made_by.schema()
    Draft202012Validator.check_schema(schema)
    if name is not None:
        schema = {"$defs": schema["$defs"], "$ref": f"#/$defs/{name}"}
    return len(list(Draft202012Validator(schema).iter_errors(document)))


def test_an_unfinished_document_is_one() -> None:
    document = json.loads(json_text(UnfinishedDocument()))
    assert errors_of(document) == 0
    assert errors_of({**document, "finished": True}) == 1  # it lacks what a finished one has


FOUND = json.loads(json_text(FoundRecord("data.empty_rows", "reviews", "none", "3")))


@pytest.mark.parametrize(
    "changes",
    [
        {"another": 1},
        {"nodeid": None},
        {"level": "note"},
        {"share": "half"},
        {"subject": 3},
    ],
)
def test_what_no_record_holds_is_refused(changes: dict[str, Any]) -> None:
    assert errors_of(FOUND, "FoundRecord") == 0
    assert errors_of({**FOUND, **changes}, "FoundRecord") == 1


@pytest.mark.parametrize("share", [0.5, 1, "nan", "inf", "-inf"])
def test_numbers_that_json_lacks_are_numbers(share: Any) -> None:
    assert errors_of({**FOUND, "share": share}, "FoundRecord") == 0
