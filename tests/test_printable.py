"""Texts that a terminal and XML can show."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.printable import printable, printable_values

TEXTS = st.text(st.characters(), max_size=20)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("größe 日本 🙂 a\tb\nc", "größe 日本 🙂 a\tb\nc"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\x00b\rc", r"a\x00b\x0dc"),
        ("x\u202ey", r"x\u202ey"),
        ("\ufffe\ud800", r"\ufffe\ud800"),
    ],
)
def test_what_moves_a_cursor_or_hides_becomes_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(text=TEXTS)
def test_any_text_can_be_written_into_xml(text: str) -> None:
    shown = printable(text)
    assert printable(shown) == shown
    element = ET.Element("testcase", name=shown)
    assert ET.fromstring(ET.tostring(element, encoding="utf-8")).get("name") is not None  # noqa: S314 - our own
    assert not any(ord(letter) < 0x20 and letter not in "\t\n" for letter in shown)


@given(text=TEXTS)
def test_findings_and_errors_hold_such_texts_alone(text: str) -> None:
    finding = Finding(text, text, text, text, text, text, evidence=(text, text))
    assert finding.describe() == printable(finding.describe())
    assert str(TaskError(text)) == printable(text)


def test_values_are_escaped_wherever_they_are() -> None:
    value = {"\x1b": ["\x1b", ("\x1b", 1, None, 0.5)], "rows": {"a": b"\x1b"}}
    assert printable_values(value) == {r"\x1b": [r"\x1b", (r"\x1b", 1, None, 0.5)], "rows": {"a": b"\x1b"}}
