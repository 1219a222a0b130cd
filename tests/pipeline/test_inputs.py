"""What a user's code reads: files and variables, and nothing of libraries, of the system or of the run itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.pipeline.inputs import Inputs, changed_inputs

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text("1", encoding="utf-8")
    return path


READS: dict[str, Callable[[Path], object]] = {
    "open": lambda path: open(path, encoding="utf-8").close(),  # noqa: PTH123 - as users write it
    "bytes": lambda path: path.read_bytes(),
    "by number": lambda path: os.close(os.open(path, os.O_RDONLY)),
    "by a relative path": lambda path: Path(os.path.relpath(path)).read_text(encoding="utf-8"),
    "by a name in bytes": lambda path: open(os.fsencode(path), "rb").close(),  # noqa: PTH123 - as above
    "to be changed": lambda path: open(path, "r+", encoding="utf-8").close(),  # noqa: PTH123 - as above
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_files_that_are_read_are_recorded(file: Path, read: Callable[[Path], object]) -> None:
    inputs = Inputs()
    with inputs.recorded():
        read(file)
    assert list(inputs.files) == [str(file)]
    assert changed_inputs(inputs.files, {}) == []
    file.write_text("2", encoding="utf-8")
    assert changed_inputs(inputs.files, {}) == [str(file)]
    file.unlink()
    assert changed_inputs(inputs.files, {}) == [str(file)]


def test_what_is_no_input_is_not_recorded(file: Path, tmp_path: Path) -> None:
    inputs, run = Inputs(), tmp_path / "run"
    run.mkdir()
    (run / "checkpoint.json").write_text("{}", encoding="utf-8")
    with inputs.recorded(run):
        (run / "checkpoint.json").read_text(encoding="utf-8")
        (tmp_path / "written.txt").write_text("x", encoding="utf-8")
        Path(pytest.__file__).read_text(encoding="utf-8")
        (tmp_path / "code.py").write_text("", encoding="utf-8")
        (tmp_path / "code.py").read_text(encoding="utf-8")
        (tmp_path / "gone.txt").write_text("x", encoding="utf-8")
        (tmp_path / "gone.txt").read_text(encoding="utf-8")
        (tmp_path / "gone.txt").unlink()
        if Path("/proc/self/stat").exists():
            Path("/proc/self/stat").read_text(encoding="utf-8")
    file.read_text(encoding="utf-8")  # outside
    assert inputs.files == {}


def test_variables_that_are_looked_up_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWN_RATE", "0.1")
    monkeypatch.delenv("OWN_LAYERS", raising=False)
    inputs = Inputs()
    with inputs.recorded():
        assert os.environ["OWN_RATE"] == "0.1"
        assert os.environ.get("OWN_LAYERS", "2") == "2"
        assert "OWN_NOTHING" not in os.environ
        os.getenv("PATH")
        os.getenv("PYTEST_CURRENT_TEST")
    assert inputs.variables.keys() == {"OWN_RATE", "OWN_LAYERS", "OWN_NOTHING"}
    assert "0.1" not in str(inputs.variables)  # it may be a secret
    assert changed_inputs({}, inputs.variables) == []
    monkeypatch.setenv("OWN_RATE", "0.2")
    monkeypatch.setenv("OWN_LAYERS", "3")
    assert changed_inputs({}, inputs.variables) == [
        "the environment variable OWN_RATE",
        "the environment variable OWN_LAYERS",
    ]


COPIES: dict[str, Callable[[], object]] = {
    "copy": os.environ.copy,
    "dict": lambda: dict(os.environ),
    "items": lambda: list(os.environ.items()),
    "comprehension": lambda: {name: os.environ[name] for name in os.environ},
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_a_copy_of_the_environment_looks_nothing_up(
    copy: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OWN_RATE", "0.1")
    inputs = Inputs()
    with inputs.recorded():
        copy()
        os.getenv("OWN_RATE")
    assert inputs.variables.keys() == {"OWN_RATE"}


def test_within_itself_both_record_and_afterwards_nothing_is_watched(file: Path) -> None:
    kind = type(os.environ)
    before = kind.__getitem__, kind.__iter__
    outer, inner = Inputs(), Inputs()
    with outer.recorded(), inner.recorded():
        file.read_bytes()
        os.getenv("OWN_RATE")
    assert outer.files == inner.files != {}
    assert outer.variables == inner.variables != {}
    assert (kind.__getitem__, kind.__iter__) == before


def test_an_error_ends_the_recording(file: Path) -> None:
    inputs = Inputs()

    def fail() -> None:
        with inputs.recorded():
            file.read_bytes()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    os.getenv("OWN_RATE")
    assert list(inputs.files) == [str(file)]
    assert inputs.variables == {}
    assert sys.modules
