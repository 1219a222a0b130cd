"""Runs that nobody takes any more go; others, and what is not ours, stay."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from pytest_ftcheck.runs.prune import main, prune

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW, OTHER = "0" * 32, "f" * 32, "my-notes"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    for name in (OLD, NEW, OTHER):
        (tmp_path / name / "model").mkdir(parents=True)
        (tmp_path / name / "model" / "weights").write_bytes(b"x" * 2**20)
        (tmp_path / f"{name}.lock").touch()
    (tmp_path / ("e" * 32 + ".side")).mkdir()
    for name in (OLD, OTHER):
        days_ago = time.time() - 40 * 24 * 60 * 60
        os.utime(tmp_path / name, (days_ago, days_ago))
    return tmp_path


def names(store: Path) -> set[str]:
    return {path.name for path in store.iterdir()}


def test_old_runs_and_what_was_left_go(store: Path) -> None:
    assert prune(store, days=30) == [store / OLD]
    assert names(store) == {NEW, OTHER, f"{NEW}.lock", f"{OTHER}.lock", "e" * 32 + ".lock"}
    assert prune(store, days=30) == []


def test_a_run_that_is_in_use_stays(store: Path) -> None:
    with FileLock(store / f"{OLD}.lock"):
        assert prune(store, days=30) == []
    assert OLD in names(store)


def test_the_command_says_what_goes(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = names(store)
    main(["--store", str(store), "--dry-run"])
    assert capsys.readouterr().out == "1 runs would be removed, 1.0 MiB\n"
    assert names(store) == before
    main(["--store", str(store)])
    assert capsys.readouterr().out == "1 runs removed, 1.0 MiB\n"
    main(["--store", str(store), "--days=0"])
    assert capsys.readouterr().out == "1 runs removed, 1.0 MiB\n"
    assert OTHER in names(store)


def test_a_store_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no run store at"):
        main(["--store", str(tmp_path / "nothing")])
