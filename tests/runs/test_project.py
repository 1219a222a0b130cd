"""The code of the project, and what is installed: what may change a run, and what may not."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import pytest_ftcheck
from pytest_ftcheck.pipeline.reads.code_places import is_library_file, is_project_file
from pytest_ftcheck.pipeline.reads.states import code_digest
from pytest_ftcheck.runs import project
from pytest_ftcheck.runs.project import changed_modules, project_code_digest, project_modules

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CODE = "import os\n\n\ndef scale(rows):\n    return [2 * row for row in rows]\n"


def digest_of(text: str, folder: Path) -> str:
    path = folder / "code.py"
    path.write_text(text, encoding="utf-8")
    return code_digest(path)


@pytest.mark.parametrize(
    "text",
    [
        "# why\n" + CODE,
        CODE.replace("\n\n\n", "\n\n"),
        CODE.replace("    return", "    # twice\n    return"),
        CODE.replace("[2 * row for row in rows]", "[\n        2 * row for row in rows\n    ]"),
    ],
)
def test_comments_and_layout_make_no_other_code(text: str, tmp_path: Path) -> None:
    assert digest_of(text, tmp_path) == digest_of(CODE, tmp_path)


@pytest.mark.parametrize("text", [CODE.replace("2", "3"), CODE + "scale = None\n", "no python: [", ""])
def test_other_code_has_another_digest(text: str, tmp_path: Path) -> None:
    assert digest_of(text, tmp_path) != digest_of(CODE, tmp_path)


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that pretends that a module was loaded from a file."""

    def load(place: str, text: str = CODE) -> Path:
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        module = ModuleType(path.stem)
        module.__file__ = str(path)
        monkeypatch.setitem(sys.modules, f"loaded_{path.stem}", module)
        return path

    return load


def test_loaded_modules_of_the_project_are_told_by_their_place(loaded: Callable[..., Path], tmp_path: Path) -> None:
    root = tmp_path / "project"
    for place in ("project/train.py", "project/src/own/model.py", "elsewhere/helper.py", "project/tests/test_a.py"):
        loaded(place)
    found = project_modules(root)
    assert {place for place in found if "test_describe" not in place} >= {
        "train.py",
        "src/own/model.py",
        str(tmp_path / "elsewhere" / "helper.py"),
    }
    assert not any("test_a" in place for place in found)
    assert not any("site-packages" in place or "pytest_ftcheck/" in place for place in found)


def test_changed_and_removed_modules_are_named(loaded: Callable[..., Path], tmp_path: Path) -> None:
    kept, edited, removed = (loaded(f"{name}.py") for name in ("kept", "edited", "removed"))
    recorded = {path.name: code_digest(path) for path in (kept, edited, removed)}
    kept.write_text("# a comment\n" + CODE, encoding="utf-8")
    edited.write_text(CODE.replace("2", "3"), encoding="utf-8")
    removed.unlink()
    assert changed_modules(recorded, tmp_path) == ["edited.py", "removed.py"]


def distribution(name: str, version: str, **files: str) -> Any:
    return SimpleNamespace(
        metadata={"Name": name}, version=version, read_text=lambda file: files.get(file.split(".")[0])
    )


OTHERS: dict[str, list[Any]] = {
    "another version": [distribution("own", "2")],
    "one more": [distribution("own", "1"), distribution("more", "1")],
    "another name": [distribution("other", "1")],
}


@pytest.mark.parametrize("others", OTHERS.values(), ids=OTHERS)
def test_every_distribution_counts(others: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(project, "distributions", lambda: [distribution("own", "1")])
    before = project_code_digest(tmp_path)
    monkeypatch.setattr(project, "distributions", lambda: others)
    assert project_code_digest(tmp_path) != before


def test_files_of_what_is_installed_from_a_folder_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    digests = []
    for url, record in (("file:///a", "x"), ("file:///a", "y"), ("https://a", "x"), ("https://a", "y")):
        entry = distribution("own", "1", direct_url=f'{{"url": "{url}"}}', RECORD=record)
        monkeypatch.setattr(project, "distributions", lambda entry=entry: [entry])
        digests.append(project_code_digest(tmp_path))
    assert digests[0] != digests[1]
    assert digests[2] == digests[3]


def test_files_of_libraries_and_of_projects_are_told_apart(tmp_path: Path) -> None:
    own = tmp_path / "train.py"
    own.touch()
    assert is_project_file(str(own))
    assert not is_library_file(str(own))
    for file in (pytest.__file__, sys.modules["json"].__file__, pytest_ftcheck.__file__, "<frozen os>"):
        assert is_library_file(str(file))
    for file in (str(tmp_path / "absent.py"), "<string>"):
        assert not is_project_file(file)
