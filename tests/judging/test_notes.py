"""What one test tells, in plain values."""

from __future__ import annotations

import json

from pytest_ftcheck.findings import Finding
from pytest_ftcheck.gates.limits import Limits
from pytest_ftcheck.gates.records import GateRecord
from pytest_ftcheck.judging.notes import Notes

GATE = GateRecord(
    task="a",
    engine="trainer",
    seed=0,
    metric="accuracy",
    slice="short",
    value=0.91,
    missing=False,
    interval=None,
    interval_method=None,
    floor=0.9,
    margin=0.01,
    limits=Limits(limit=0.9),
    smallest_drop=None,
    drop=None,
    status="pass",
    informs=False,
    failed=False,
    rows=300,
)


def test_notes_are_plain_values_and_the_properties_of_a_test() -> None:
    notes = Notes()
    assert notes.case == {}
    notes.warnings([Finding("data.rows", "a task", "many rows", "few rows", level="warn")])
    notes.findings([Finding("data.labels", "a task", "two classes", "one")])
    notes.gates([GATE])
    notes.left_to("another test")
    assert json.loads(json.dumps(notes.values)) == notes.values
    assert notes.values["left_to"] == "another test"
    assert [found["check"] for name in ("warnings", "findings") for found in notes.values[name]] == [
        "data.rows",
        "data.labels",
    ]
    assert notes.properties[0] == ("warning", "a task: expected many rows, observed few rows")
    assert notes.properties[1:] == [("accuracy[short]", 0.91), ("accuracy[short]_floor", 0.9)]
