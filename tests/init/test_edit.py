"""The edit that makes a factory: what moves, what stays, and what is refused."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from pytest_ftcheck.init.edit import Edit, make_edit
from pytest_ftcheck.init.find import find_places
from pytest_ftcheck.init.project import read_project
from pytest_ftcheck.init.segments import NotSafeError

PROJECTS = Path(__file__).parent / "projects"
IMPORT = "from transformers import Trainer\n"


def edit_of(folder: Path, code: str) -> Edit:
    (folder / "train.py").write_text(code, encoding="utf-8")
    (place,) = find_places(read_project(folder))
    return make_edit(place)


class FakeTrainer:
    """Writes down what is done with it."""

    def __init__(self, **parts: Any) -> None:
        self.parts, self.trained = parts, False

    def add_callback(self, callback: Any) -> None:
        self.parts["callback"] = callback

    def train(self) -> str:
        self.trained = True
        return f"trained {self.parts}"


def run(text: str, name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], str]:
    """Run a script with a Trainer that only writes down; return its names and what it prints."""
    fake = types.ModuleType("transformers")
    fake.Trainer = FakeTrainer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "transformers", fake)
    names: dict[str, Any] = {"__name__": name}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(text, "train.py", "exec"), names)  # noqa: S102 - the script of this test
    return names, printed.getvalue()


SCRIPTS = {
    "names are used afterwards": IMPORT
    + "rows = [int(c) for c in '012'.strip()]\ndef double(x):\n    return [2 * r for r in rows] + x\n"
    "def plain(x):\n    return x\n"
    "t = Trainer(rows=double([1]), f=plain(2))\nprint(t.train(), rows)\n",
    "strings of several lines": IMPORT + 'text = str.upper("""a\n  b\nc""")\nt = Trainer(text=text)\n'
    'print(t.train())\nx = """d\ne"""\nprint(x)\n',
    "the trainer is configured afterwards": IMPORT
    + "t = Trainer(a=1)\nname = 'x'\nt.add_callback(name)\nprint(t.train(), name)\n",
    "a constant is changed": IMPORT
    + "N = 1\nN = N + len(str(2))\nN += int(1)\nt = Trainer(n=N)\nprint(t.train(), N)\n",
    "main": IMPORT + "def main(n=3):\n    '''Doc.'''\n    rows = [n]\n    n = n + 1\n    t = Trainer(rows=rows)\n"
    "    print(t.train(), rows, n)\nif __name__ == '__main__':\n    main()\n",
    "the main block": IMPORT + "def shown():\n    return rows\nif __name__ == '__main__':\n    rows = [1]\n"
    "    t = Trainer(rows=shown())\n    print(t.train(), shown())\n",
    "walrus and comprehension": IMPORT
    + "z = [y for x in '12'.strip() if (y := x)]\nt = Trainer(z=z)\nprint(t.train(), y)\n",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_edited_script_does_the_same(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit = edit_of(tmp_path, SCRIPTS[name])
    _, before = run(SCRIPTS[name], "__main__", monkeypatch)
    _, after = run(edit.text, "__main__", monkeypatch)
    assert "trained" in before
    assert after == before
    imported, printed = run(edit.text, "train", monkeypatch)
    first, second = imported[edit.factory](), imported[edit.factory]()
    assert printed == ""
    assert first is not second
    assert not first.trained
    assert repr(first.parts) in before


def test_functions_that_use_nothing_that_moves_stay(tmp_path: Path) -> None:
    text = edit_of(tmp_path, SCRIPTS["names are used afterwards"]).text
    assert re.search(r"^def plain", text, re.MULTILINE)
    assert re.search(r"^    def double", text, re.MULTILINE)


def test_an_edited_file_has_a_factory_and_needs_no_other_edit(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(edit_of(tmp_path, SCRIPTS["names are used afterwards"]).text)
    (place,) = find_places(read_project(tmp_path))
    assert (place.kind, place.spec) == ("factory", "train.py:build_trainer")


def test_magic_commands_become_comments() -> None:
    (place,) = find_places(read_project(PROJECTS / "notebook"))
    edit = make_edit(place)
    assert "\n# get_ipython().system('pip install -q transformers datasets')\n" in edit.text
    assert edit.text.startswith("#!/usr/bin/env python\n# coding: utf-8\n")
    assert edit.diff.startswith("--- a/Tickets.py\n+++ b/Tickets.py\n")


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("for s in [1]:\n    t = Trainer()\n", "inside of a loop (line 2)"),
        ("if 1:\n    t = Trainer()\n", "inside of a condition (line 2)"),
        ("def main():\n    if 1:\n        return\n    t = Trainer()\n    t.train()\n", "line 4 has a `return`"),
        ("def main():\n    yield 1\n    t = Trainer()\n    t.train()\n", "line 3 has a `yield`"),
        ("async def main():\n    t = Trainer()\n    t.train()\n", "main() is async"),
        ("def main(**more):\n    t = Trainer()\n    t.train()\n", "main() takes * or **"),
        ("Trainer().train()\n", "line 2 does more than to build the Trainer"),
        ("a = str(1); t = Trainer()\n", "two statements share line 2"),
        ("n = str(1)\ndef f():\n    global n\n    n = 2\nt = Trainer(n)\n", "a function declares n as global"),
        ("n = str(1)\nt = Trainer(n, locals())\n", "calls locals()"),
        ("class A:\n    def f(self):\n        t = Trainer()\n", "a method builds the Trainer"),
    ],
)
def test_what_cannot_be_done_safely_is_refused(tmp_path: Path, code: str, why: str) -> None:
    with pytest.raises(NotSafeError, match=re.escape(why)):
        edit_of(tmp_path, IMPORT + code)
