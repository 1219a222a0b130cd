"""What the plugin costs, and does, where it is installed and not used."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

HEAVY = ("torch", "transformers", "datasets", "evaluate", "accelerate", "sklearn", "scipy", "pyarrow")
SESSION = """
import sys, pytest
code = pytest.main(sys.argv[1:])
print("imported", *sorted(name for name in {heavy} if name in sys.modules))
sys.exit(code)
"""


@pytest.fixture
def imported(
    tmp_path: Path, own_process: Callable[..., subprocess.CompletedProcess[str]]
) -> Callable[..., tuple[int, set[str]]]:
    """Run a session in a process of its own; return its exit code and which of the given modules it imported."""

    def run(*options: str, heavy: tuple[str, ...] = HEAVY) -> tuple[int, set[str]]:
        done = own_process(tmp_path, *options, python=("-c", SESSION.format(heavy=heavy)))
        names = done.stdout.splitlines()[-1].removeprefix("imported")
        return done.returncode, set(names.split())

    return run


def test_an_unused_plugin_imports_nothing_heavy(tmp_path: Path, imported: Callable[..., tuple[int, set[str]]]) -> None:
    (tmp_path / "test_own.py").write_text("def test_own(): pass\ndef test_red(): assert 0\n", encoding="utf-8")
    assert imported(heavy=(*HEAVY, "numpy", "rich")) == (pytest.ExitCode.TESTS_FAILED, set())


def test_an_unused_plugin_imports_nothing_of_tasks(imported: Callable[..., tuple[int, set[str]]]) -> None:
    assert imported(heavy=("pytest_ftcheck.tasks.card",)) == (pytest.ExitCode.NO_TESTS_COLLECTED, set())


def test_what_is_imported_is_seen(tmp_path: Path, imported: Callable[..., tuple[int, set[str]]]) -> None:
    (tmp_path / "test_own.py").write_text("import numpy\ndef test_own(): pass\n", encoding="utf-8")
    assert imported(heavy=("numpy",)) == (pytest.ExitCode.OK, {"numpy"})


@pytest.mark.parametrize("options", [("--ftcheck-list",), ("--help",), ("--fixtures",)])
def test_answers_without_a_run_import_nothing_heavy(
    imported: Callable[..., tuple[int, set[str]]], options: tuple[str, ...]
) -> None:
    assert imported(*options)[1] == set()


TASK = "--ftcheck-task=sst2"
REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "task": (("--ftcheck-task=mrcp",), ""),
    "engine": ((TASK, "--ftcheck-engine=manuel"), ""),
    "value": ((TASK, "--ftcheck-max-eval-rows=all"), ""),
    "check": ((TASK, "--ftcheck-checks=data.lables"), ""),
    "listed check": (("--ftcheck-list-checks", "--ftcheck-checks=data.lables"), ""),
    "check of a card": ((TASK,), '[tasks.sst2.checks."data.lables"]\nskip = "why"'),
    "fault": ((TASK, "--ftcheck-faults=zero_grad_mising"), ""),
    "gate": ((TASK,), "[tasks.sst2.floors]\nacuracy = 0.9"),
    "shape": ((TASK, "--ftcheck-bench", "--ftcheck-bench-shape=bert"), ""),
    "pair": ((TASK, "--ftcheck-bench-compare=engine=manuel,trainer"), ""),
    "file of a factory": (("--ftcheck-trainer=nowhere.py:build",), ""),
    "file of a card's factory": (("--ftcheck-task=own",), '[tasks.own]\ntrainer = "nowhere.py:build"'),
    "option without effect": ((TASK, "--ftcheck-bench", "--ftcheck-strict"), ""),
}
"""Options and the configuration file."""


@pytest.mark.parametrize(("options", "table"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_name_is_refused_before_anything_heavy_is_imported(
    tmp_path: Path, imported: Callable[..., tuple[int, set[str]]], options: tuple[str, ...], table: str
) -> None:
    (tmp_path / "ftcheck.toml").write_text(table, encoding="utf-8")
    assert imported(*options) == (pytest.ExitCode.USAGE_ERROR, set())


MEASURED = "def test_measured(benchmark): benchmark(lambda: None)\n"


@pytest.mark.parametrize(
    ("code", "options", "left"),
    [
        ("def test_own(): pass\n", [], False),
        ("def test_own(): pass\n", ["-n", "2"], False),
        ("def test_own(): pass\n", ["--help"], False),
        (MEASURED, [], True),
        (MEASURED, ["--benchmark-autosave"], True),
    ],
)
def test_the_folder_of_benchmarks_is_left_where_something_was_measured(
    tmp_path: Path,
    own_process: Callable[..., subprocess.CompletedProcess[str]],
    code: str,
    options: list[str],
    left: bool,  # noqa: FBT001 - a parameter
) -> None:
    (tmp_path / "test_own.py").write_text(code, encoding="utf-8")
    done = own_process(tmp_path, *options)
    assert (tmp_path / ".benchmarks").is_dir() == left, done.stdout + done.stderr
    assert any(tmp_path.glob(".benchmarks/*")) == ("--benchmark-autosave" in options)


@pytest.mark.parametrize("options", [[], ["--benchmark-storage=mine"]])
def test_a_folder_of_benchmarks_that_is_the_users_stays(
    tmp_path: Path, own_process: Callable[..., subprocess.CompletedProcess[str]], options: list[str]
) -> None:
    (tmp_path / "test_own.py").write_text("def test_own(): pass\n", encoding="utf-8")
    (tmp_path / ".benchmarks").mkdir()
    (tmp_path / "mine").mkdir()
    done = own_process(tmp_path, *options)
    assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr
    assert (tmp_path / ".benchmarks").is_dir()
    assert (tmp_path / "mine").is_dir()


@pytest.mark.usefixtures("few_checks")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), None),
        (("--ftcheck-task=sst2",), "1"),
        (("--ftcheck-device=cpu",), "1"),
        (("--ftcheck-task=sst2", "--ftcheck-online"), None),
    ],
)
def test_the_hub_is_switched_off_where_the_plugin_is_used_offline(
    project: pytest.Pytester,
    run_pytest: Callable[..., pytest.RunResult],
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    expected: str | None,
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    # Its import is the earliest moment of a user's own code: the libraries may be imported right here.
    project.makeconftest(f"import os\nassert os.environ.get('HF_HUB_OFFLINE') == {expected!r}")
    assert run_pytest(*options, "--collect-only").ret in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    assert os.environ.get("HF_HUB_OFFLINE") == expected
