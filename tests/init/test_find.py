"""Where a project builds a Trainer, read from its syntax alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.init.choose import choose
from pytest_ftcheck.init.find import find_places
from pytest_ftcheck.init.project import read_project

if TYPE_CHECKING:
    from pathlib import Path

IMPORT = "from transformers import Trainer\n"


@pytest.mark.parametrize(
    ("code", "kind", "needs"),
    [
        (IMPORT + "def build(seed, rows=1):\n    return Trainer()\n", "factory", ()),
        (IMPORT + "def build():\n    t = Trainer()\n    return t\n", "factory", ()),
        (IMPORT + "def main():\n    t = Trainer()\n    t.train()\n    return t\n", "trains", ()),
        (IMPORT + "def main(cfg):\n    t = Trainer()\n    t.train()\n", "trains", ("cfg",)),
        (IMPORT + "def build(*, cfg):\n    return Trainer()\n", "factory", ("cfg",)),
        ("import transformers as tf\nt = tf.Trainer()\nt.train()\n", "script", ()),
        ("from transformers import Seq2SeqTrainer as S\nt = S()\n", "script", ()),
        ("from trl import SFTTrainer\nif __name__ == '__main__':\n    t = SFTTrainer()\n", "main block", ()),
        (IMPORT + "class A:\n    def run(self):\n        t = Trainer()\n", "method", ()),
        (IMPORT + "def a():\n    def b():\n        return Trainer()\n    return b\n", "nested", ()),
        (IMPORT + "class Own(Trainer):\n    pass\ndef build():\n    return Own()\n", "factory", ()),
        (IMPORT + "def make(m):\n    return Trainer(m)\ndef main():\n    t = make(1)\n    t.train()\n", "trains", ()),
        (
            IMPORT + "def _setup():\n    t = Trainer()\n    return t, 1\ndef build():\n    return _setup()[0]\n",
            "factory",
            (),
        ),
    ],
)
def test_a_place_is_classified(tmp_path: Path, code: str, kind: str, needs: tuple[str, ...]) -> None:
    (tmp_path / "train.py").write_text(code)
    (place,) = find_places(read_project(tmp_path))
    assert (place.kind, place.needs) == (kind, needs)


def test_a_subclass_of_another_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "own.py").write_text(IMPORT + "class Own(Trainer):\n    pass\n")
    (tmp_path / "pkg" / "train.py").write_text("from pkg.own import Own\ndef build():\n    return Own()\n")
    (place,) = find_places(read_project(tmp_path))
    assert place.spec == "pkg/train.py:build"
    assert place.describe() == "pkg/train.py:3  Own(…) in build(): the function returns the Trainer untrained"


@pytest.mark.parametrize("folder", [".venv", "build", "tests", "node_modules", ".hidden"])
def test_folders_that_are_not_the_project_are_left_out(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "train.py").write_text(IMPORT + "Trainer()\n")
    assert find_places(read_project(tmp_path)) == []


def test_a_trainer_of_another_library_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("from lightning import Trainer\nTrainer()\n")
    assert find_places(read_project(tmp_path)) == []


def test_a_factory_is_chosen_before_what_trains(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text(IMPORT + "t = Trainer()\nt.train()\n")
    (tmp_path / "train.py").write_text(IMPORT + "def build():\n    return Trainer()\n")
    project = read_project(tmp_path)
    assert choose(project, find_places(project), "").spec == "train.py:build"
    assert choose(project, find_places(project), "old.py:2").kind == "script"
