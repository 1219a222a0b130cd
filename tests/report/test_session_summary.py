"""The summary of a session as a terminal shows it: the same text as in ``snapshots``, within its width."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.cells import cell_len

from pytest_ftcheck.report.session_summary import session_summary
from pytest_ftcheck.report.view import View
from tests.report.made_up import PADDING, document, gate, red_document

if TYPE_CHECKING:
    from pytest_ftcheck.report.document import Document

SNAPSHOTS = Path(__file__).parent / "snapshots"
VIEWS: dict[str, dict[str, Any]] = {
    "80": {"width": 80},
    "160": {"width": 160},
    "80-color": {"width": 80, "color": True},
    "160-color": {"width": 160, "color": True},
    "80-ascii": {"width": 80, "encoding": "ascii"},
    "160-verbose": {"width": 160, "verbosity": 1},
    "80-quiet": {"width": 80, "verbosity": -1},
    "log": {},
}


def text(made: Document, **view: Any) -> str:
    return "\n".join(session_summary(made, View(**view))) + "\n"


@pytest.mark.parametrize("name", VIEWS)
def test_it_is_as_it_was(name: str) -> None:
    """With ``UPDATE_SNAPSHOTS=1``, the files are written anew: look at what git shows of them."""
    shown, file = text(red_document(), **VIEWS[name]), SNAPSHOTS / f"{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        file.write_text(shown, encoding="utf-8")
    assert shown == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name, view in VIEWS.items() if "width" in view])
def test_no_line_is_wider_than_the_terminal(name: str) -> None:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text(red_document(), **VIEWS[name]))
    assert max(map(cell_len, plain.splitlines())) <= VIEWS[name]["width"]


def test_colours_are_only_where_they_are_wanted_and_change_no_text() -> None:
    colored = text(red_document(), width=80, color=True)
    assert "\x1b[1;31mCAUSE: collator.mask" in colored
    plain = re.sub(r"\x1b\[[0-9;]*m", "", colored)
    assert [line.rstrip() for line in plain.splitlines()] == text(red_document(), width=80).splitlines()


def test_ascii_has_no_other_character() -> None:
    assert text(red_document(), encoding="ascii").isascii()
    assert text(red_document(), encoding="no such encoding").isascii()


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "cp437"])
def test_other_encodings_can_write_it(encoding: str) -> None:
    text(red_document(), encoding=encoding).encode(encoding)


def test_verbose_shows_consequences_whole() -> None:
    whole = [f"    {line}" for line in PADDING.describe().splitlines()]
    assert "\n".join(whole) in text(red_document(), verbosity=1)
    assert whole[1] not in text(red_document())


def test_quiet_leaves_out_what_is_no_verdict() -> None:
    lines = text(red_document(), verbosity=-1)
    for word in ("CAUSE: collator.mask", "accuracy", "checks: 1 passed"):
        assert word in lines
    for word in ("run it again", "WARNING", "skipped: ", "SYNTHETIC"):
        assert word not in lines


def test_a_healthy_session_names_no_cause() -> None:
    assert "CAUSE" not in text(document())


def test_numbers_of_a_narrow_terminal_are_whole() -> None:
    long = gate(task="go_emotions", metric="expected_calibration_error", engine="trainer")
    lines = text(document(gates=[long]), width=60)
    for number in ("0.8975", "0.8639 to 0.9235", "0.8906", "pass"):
        assert number in lines
