"""Every command of the README and the pages has a class: it is run here, by a named test, or not for a reason."""

from __future__ import annotations

import ast
import re
import shutil
from functools import cache
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.report.json import write_json
from tests.documents.classes import CLASSES, WHOLE_PAGES, Covered, Run
from tests.documents.console import PAGES, REPOSITORY, commands_of, run
from tests.report.made_up import document, red_document

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EXAMPLES = REPOSITORY / "examples"
COVERED = sorted({*WHOLE_PAGES.values(), *(found.test for found in CLASSES.values() if isinstance(found, Covered))})


@cache
def on_pages() -> dict[str, str]:
    """The commands of all pages but those that are run as a whole, each with a page that has it."""
    found: dict[str, str] = {}
    for path in PAGES:
        page = path.relative_to(REPOSITORY).as_posix()
        if page not in WHOLE_PAGES:
            found |= {command.line: page for command in commands_of(path.read_text(encoding="utf-8"))}
    return found


def test_every_command_has_a_class() -> None:
    new = {line: page for line, page in on_pages().items() if line not in CLASSES}
    assert new == {}, "add each to CLASSES of tests/documents/classes.py: Run, Covered or NotRun"


def test_a_new_command_is_seen() -> None:
    page = "```console\npytest --ftcheck-new  # new\n```\n```console\n$ python a.py \\\n    --b\nwhat it prints\n```\n"
    assert [command.line for command in commands_of(page)] == ["pytest --ftcheck-new", "python a.py --b"]


def test_every_class_is_of_a_command() -> None:
    assert set(CLASSES) - set(on_pages()) == set()


@pytest.mark.parametrize("page", WHOLE_PAGES)
def test_pages_that_are_run_as_a_whole_have_commands(page: str) -> None:
    assert commands_of((REPOSITORY / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize("test", COVERED)
def test_the_named_test_exists(test: str) -> None:
    path, name = test.split("::")
    module = ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in module.body if isinstance(node, ast.FunctionDef)}


def _reports(folder: Path) -> None:
    (folder / "nightly").mkdir()
    for name in ("before", "yesterday", "nightly/1", "nightly/2"):
        write_json(folder / f"{name}.json", document())
    for name in ("run", "after", "today"):
        write_json(folder / f"{name}.json", red_document())


def _example(name: str, *places: str) -> Callable[[Path], None]:
    def copy(folder: Path) -> None:
        for place in places:
            shutil.copytree(EXAMPLES / name, folder / place, dirs_exist_ok=True)

    return copy


FOLDERS: dict[str, Callable[[Path], None]] = {
    "empty": lambda _: None,
    "reports": _reports,
    "reviews": _example("reviews", ""),
    "script": _example("csv_trainer", ""),
    "scripts": _example("csv_trainer", "", "my_project", "path/to"),
}


@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line, found in CLASSES.items() if isinstance(found, Run)])
def test_a_command_runs(line: str, tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = CLASSES[line]
    assert isinstance(found, Run)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "folder"
    folder.mkdir()
    FOLDERS[found.folder](folder)
    done = run(line, folder, programs)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(found.prints, done.stdout, re.MULTILINE), done.stdout
