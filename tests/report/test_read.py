"""A document is read back as it was written; what no record holds is refused, with its place."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.report.document import Document
from pytest_ftcheck.report.json import json_text
from pytest_ftcheck.report.read import read_file, read_text
from pytest_ftcheck.report.records import UnfinishedDocument
from tests.report.made_up import document, gate

ALL = sorted((Path(__file__).parent / "documents").glob("*.json"))


def changed(**changes: Any) -> str:
    return json.dumps({**json.loads(json_text(document())), **changes})


def test_a_document_comes_back() -> None:
    written = document(gates=[gate(value=math.inf), gate(interval=None, slice="class=bad")])
    assert read_text(json_text(written)) == written
    assert read_text(json_text(UnfinishedDocument())) == UnfinishedDocument()


@pytest.mark.parametrize("path", ALL, ids=[path.stem for path in ALL])
def test_a_recorded_document_comes_back(path: Path) -> None:
    read = read_file(path)
    assert isinstance(read, Document)
    assert json.loads(json_text(read)) == json.loads(path.read_text(encoding="utf-8"))


def test_not_a_number_comes_back() -> None:
    (read,) = read_text(json_text(document(gates=[gate(value=math.nan)]))).gates  # type: ignore[union-attr]
    assert math.isnan(read.value)


GATE = json.loads(json_text(gate()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "a.json is not JSON: "),
        ('{"schema": 1, "seconds": NaN}', "a.json is not JSON: NaN is no JSON value"),
        ("[]", "a.json has no key 'schema'"),
        (changed(schema=2), "a.json has schema 2, and this version of pytest-ftcheck reads schema 1"),
        (changed(schema=True), "a.json has schema True"),
        (changed(schema="1"), "a.json has schema '1'"),
        (changed(gate=[]), "a.json, gate: unknown key. Did you mean 'gates'?"),
        (changed(tasks=["mrpc", 3]), "a.json, tasks[1]: expected a string, not 3."),
        (changed(exit_status=True), "a.json, exit_status: expected an integer, not true."),
        (changed(started="soon"), 'a.json, started: expected a number, not "soon".'),
        (changed(gates=[{**GATE, "statusses": 1}]), "a.json, gates[0].statusses: unknown key. Did you mean 'status'?"),
        (changed(gates=[{**GATE, "status": "green"}]), 'a.json, gates[0].status: expected "pass" or "fail" or '),
        (
            changed(gates=[{**GATE, "interval": ["low", 1.0]}]),
            'a.json, gates[0].interval[0]: expected a number, not "low".',
        ),
        (changed(gates=[{**GATE, "seed": "x"}]), 'a.json, gates[0].seed: expected an integer or "-", not "x".'),
        (changed(gates=[{"metric": "f1"}]), "a.json, gates[0].task: the key is missing."),
        (changed(baseline={"comparisons": 3}), "a.json, baseline.comparisons: expected a list, not 3."),
        (changed(runs={}), "a.json, runs: expected a list, not {}."),
        (changed(gates=[3]), "a.json, gates[0]: expected an object, not 3."),
    ],
)
def test_what_no_record_holds_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read_text(text, "a.json")
    assert str(caught.value).startswith(message)


def test_what_may_be_left_out_is_not_null() -> None:
    found: dict[str, Any] = {
        "check": "data.rows",
        "subject": "",
        "expected": "",
        "observed": "",
        "hint": "",
        "unit": "",
    }
    found |= {"level": "fail", "share": 0.0, "evidence": []}
    assert read_text(changed(warnings=[found])).warnings[0].nodeid is None  # type: ignore[union-attr]
    with pytest.raises(DataError, match=r"warnings\[0\].nodeid: expected a string, not null"):
        read_text(changed(warnings=[{**found, "nodeid": None}]))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.json cannot be read: No such file"):
        read_file(tmp_path / "absent.json")
    (tmp_path / "latin.json").write_bytes(b"\xff")
    with pytest.raises(DataError, match=r"latin\.json cannot be read: it is not UTF-8"):
        read_file(tmp_path / "latin.json")
