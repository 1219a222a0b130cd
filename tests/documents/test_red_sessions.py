"""The page of red sessions: it shows every kind, names causes first, and sessions of today have these causes."""

from __future__ import annotations

import importlib
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.documents.console import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

sys.path.insert(0, str(REPOSITORY / "docs" / "red_sessions"))
try:
    run_sessions: Any = importlib.import_module("run_sessions")
finally:
    sys.path.pop(0)

SESSIONS = {session.title: session for session in run_sessions.red_sessions()}
PAGE = (REPOSITORY / "docs" / "red-sessions.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (?!❌)([^\n]+)\n(.*?)(?=^## (?!❌)|\Z)", PAGE, re.MULTILINE | re.DOTALL))
_NAMED = re.compile(r"^(?:CAUSE|ALSO): ([\w.]+): ", re.MULTILINE)


def block(title: str, language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", SECTIONS[title], re.MULTILINE | re.DOTALL)
    return str(found)


def named(title: str) -> list[str]:
    """The causes that the terminal shows, the likeliest first."""
    return _NAMED.findall(block(title, "console"))


def test_the_page_has_every_session() -> None:
    assert list(SECTIONS) == list(SESSIONS)


@pytest.mark.parametrize("title", SESSIONS)
def test_the_page_shows_the_change_that_is_planted(title: str) -> None:
    assert block(title, "diff").splitlines() == SESSIONS[title].diff()


@pytest.mark.parametrize("title", SESSIONS)
def test_both_forms_begin_with_the_cause(title: str) -> None:
    shown = block(title, "console").splitlines()
    first = next(place for place, line in enumerate(shown) if "= ftcheck =" in line)
    assert shown[first + 2].startswith(f"CAUSE: {named(title)[0]}: ")
    assert f"**Likely cause: `{named(title)[0]}`**" in block(title, "markdown").splitlines()[2]


def test_the_picture_shows_the_session_of_the_collator() -> None:
    picture = (REPOSITORY / "docs" / "terminal.svg").read_text(encoding="utf-8")
    text = " ".join(re.sub(r"<[^>]+>", " ", picture).replace("&#160;", " ").split())
    assert f"CAUSE: {named('The collator')[0]}: " in text
    assert "@font-face" not in picture


@pytest.mark.slow
@pytest.mark.parametrize("title", SESSIONS)
def test_the_page_names_the_causes_of_today(title: str, tmp_path: Path) -> None:
    ran = run_sessions.run_red(SESSIONS[title], tmp_path)
    assert ran.status == pytest.ExitCode.TESTS_FAILED
    assert ran.causes() == named(title)


@pytest.mark.slow
@pytest.mark.parametrize("project", ["choices", "masked_words", "pairs"])
def test_without_the_change_the_session_is_green(project: str, tmp_path: Path) -> None:
    (command,) = {session.command for session in SESSIONS.values() if session.project == f"docs/red_sessions/{project}"}
    assert run_sessions.run_healthy(f"docs/red_sessions/{project}", command, tmp_path) == 0
