"""What a user's code reads: files and variables, and nothing of libraries, of the system or of the run itself."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file, save_file

from pytest_ftcheck.pipeline.reads import code_places
from pytest_ftcheck.pipeline.reads.inputs import Inputs, changed_inputs

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
    inputs = Inputs(file.parent / "elsewhere")
    with inputs.recorded():
        read(file)
    assert list(inputs.paths["content"]) == [str(file)]
    assert changed_inputs(inputs.paths, {}) == []
    file.write_text("2", encoding="utf-8")
    assert changed_inputs(inputs.paths, {}) == [str(file)]
    file.unlink()
    assert changed_inputs(inputs.paths, {}) == [str(file)]


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_what_is_read_to_judge_a_path_is_not_heard(file: Path, read: Callable[[Path], object]) -> None:
    """Whose a path is, is remembered: only the first question about one asks the disk."""
    code_places._standard_folders.cache_clear()
    code_places._installed_folders.cache_clear()
    code_places.is_library_file.cache_clear()
    inputs = Inputs(file.parent / "elsewhere")
    with inputs.recorded():
        read(file)
    assert list(inputs.paths["content"]) == [str(file)]


def test_what_is_no_input_is_not_recorded(file: Path, tmp_path: Path) -> None:
    inputs, run = Inputs(tmp_path / "elsewhere"), tmp_path / "run"
    run.mkdir()
    (run / "checkpoint.json").write_text("{}", encoding="utf-8")
    with inputs.recorded(run):
        (run / "checkpoint.json").read_text(encoding="utf-8")
        (tmp_path / "written.txt").write_text("x", encoding="utf-8")
        Path(pytest.__file__).read_text(encoding="utf-8")
        (tmp_path / "test_code.py").write_text("", encoding="utf-8")
        (tmp_path / "test_code.py").read_text(encoding="utf-8")
        (tmp_path / "gone.txt").write_text("x", encoding="utf-8")
        (tmp_path / "gone.txt").read_text(encoding="utf-8")
        (tmp_path / "gone.txt").unlink()
        if Path("/proc/self/stat").exists():
            Path("/proc/self/stat").read_text(encoding="utf-8")
    file.read_text(encoding="utf-8")  # outside
    assert inputs.paths == {}


def test_variables_that_are_looked_up_are_recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OWN_RATE", "0.1")
    monkeypatch.delenv("OWN_LAYERS", raising=False)
    inputs = Inputs(tmp_path)
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


COPIES = {
    "copy": "os.environ.copy()",
    "dict": "dict(os.environ)",
    "items": "list(os.environ.items())",
    "comprehension": "{name: os.environ[name] for name in os.environ}",
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_a_copy_of_the_environment_looks_nothing_up_where_a_library_makes_it(
    copy: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OWN_RATE", "0.1")
    compiled = compile(f"import os\n{copy}", str(Path(pytest.__file__)), "exec")
    inputs = Inputs(tmp_path)
    with inputs.recorded():
        exec(compiled, {})  # noqa: S102 - as a library
        os.getenv("OWN_RATE")
    assert inputs.variables.keys() == {"OWN_RATE"}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_a_copy_that_the_project_makes_looks_everything_up(
    copy: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OWN_RATE", "0.1")
    inputs = Inputs(tmp_path)
    with inputs.recorded():
        eval(copy)  # noqa: S307 - as this module
    assert inputs.variables.keys() >= {"OWN_RATE", ""}
    assert "PATH" not in inputs.variables
    assert changed_inputs({}, inputs.variables) == []
    monkeypatch.setenv("OWN_LAYERS", "3")
    assert changed_inputs({}, inputs.variables) == ["the set of environment variables"]


def test_within_itself_both_record_and_afterwards_nothing_is_watched(file: Path) -> None:
    kind = type(os.environ)
    before = kind.__getitem__, kind.__iter__
    outer, inner = Inputs(file.parent), Inputs(file.parent)
    with outer.recorded(), inner.recorded():
        file.read_bytes()
        os.getenv("OWN_RATE")
    assert outer.paths == inner.paths != {}
    assert outer.variables == inner.variables != {}
    assert (kind.__getitem__, kind.__iter__) == before


def test_an_error_ends_the_recording(file: Path) -> None:
    inputs = Inputs(file.parent)

    def fail() -> None:
        with inputs.recorded():
            file.read_bytes()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    os.getenv("OWN_RATE")
    assert list(inputs.paths["content"]) == [str(file)]
    assert inputs.variables == {}
    assert sys.modules


def tried(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.read_text(encoding="utf-8")


QUESTIONS: dict[str, Callable[[Path], object]] = {
    "exists": lambda path: path.exists(),
    "exists, by a string": lambda path: os.path.exists(str(path)),  # noqa: PTH110 - as users write it
    "is a file": lambda path: os.path.isfile(path),  # noqa: PTH113, PLW0108 - as users write it
    "is a folder": lambda path: path.is_dir(),
    "opened in vain": tried,
    "listed": lambda path: os.listdir(path.parent),  # noqa: PTH208 - as above
    "globbed": lambda path: list(path.parent.glob("*.txt")),
}


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
def test_a_file_that_is_not_there_is_an_input_of_who_asks(tmp_path: Path, ask: Callable[[Path], object]) -> None:
    path = tmp_path / "override.txt"
    inputs = Inputs(tmp_path)
    with inputs.recorded():
        ask(path)
    assert changed_inputs(inputs.paths, {}) == []
    path.write_text("1", encoding="utf-8")
    assert changed_inputs(inputs.paths, {}) in ([str(path)], [str(tmp_path)])


def test_the_length_of_a_file_is_an_input_of_who_asks(file: Path) -> None:
    inputs = Inputs(file.parent)
    with inputs.recorded():
        os.path.getsize(file)  # noqa: PTH202 - as users write it
    file.write_text("22", encoding="utf-8")
    assert changed_inputs(inputs.paths, {}) == [str(file)]


SEARCHES = ("import own_rules", "import importlib.util; importlib.util.find_spec('own_rules')")


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("place", ["own_rules.py", "own_rules/__init__.py"])
def test_a_module_that_is_looked_for_in_vain_is_an_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, search: str, place: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    inputs = Inputs(tmp_path)
    with inputs.recorded(), suppress(ImportError):
        exec(search, {})  # noqa: S102 - as a user's code
    assert changed_inputs(inputs.paths, {}) == []
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("", encoding="utf-8")
    assert changed_inputs(inputs.paths, {}) == [str(tmp_path / place)]


def test_code_is_an_input_without_its_comments(tmp_path: Path) -> None:
    path = tmp_path / "plugin.py"
    path.write_text("AMOUNT = 1\n", encoding="utf-8")
    inputs = Inputs(tmp_path)
    with inputs.recorded():
        runpy.run_path(str(path))
    path.write_text("# Little.\nAMOUNT = 1\n", encoding="utf-8")
    assert changed_inputs(inputs.paths, {}) == []
    path.write_text("AMOUNT = 2\n", encoding="utf-8")
    assert changed_inputs(inputs.paths, {}) == [str(path)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of files that libraries open by themselves")
def test_files_that_other_languages_open_are_recorded_below_the_root(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"amount": torch.zeros(1)}, path)
    inputs = Inputs(tmp_path)
    with inputs.recorded():
        load_file(path)
    save_file({"amount": torch.ones(1)}, path)
    assert changed_inputs(inputs.paths, {}) == [str(path)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of files that libraries open by themselves")
def test_what_the_run_writes_is_no_input(tmp_path: Path) -> None:
    path = tmp_path / "log.safetensors"
    inputs = Inputs(tmp_path)
    with inputs.recorded():
        save_file({"amount": torch.zeros(1)}, path)
    save_file({"amount": torch.ones(1)}, path)
    assert changed_inputs(inputs.paths, {}) == []


def test_a_process_that_the_project_starts_is_told(tmp_path: Path) -> None:
    inputs = Inputs(tmp_path)
    with inputs.recorded():
        subprocess.run([sys.executable, "-c", ""], check=True)
    (why,) = inputs.unknown
    assert re.fullmatch(rf".*test_inputs.py starts a process, subprocess.Popen\('{sys.executable}'\)", why)


def test_a_process_that_a_library_starts_is_none_of_the_project(tmp_path: Path) -> None:
    inputs = Inputs(tmp_path)
    code = compile("import subprocess\nsubprocess.run(['true'], check=True)", str(Path(pytest.__file__)), "exec")
    with inputs.recorded():
        exec(code, {})  # noqa: S102 - as a library
    assert not inputs.unknown
