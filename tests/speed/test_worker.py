"""Steps in a process of their own, with the code and configuration of a folder."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.speed.case import StepCase
from pytest_ftcheck.speed.worker import WorkerBlocks

if TYPE_CHECKING:
    from pathlib import Path

REQUEST: dict[str, Any] = {
    "task": "mrpc",
    "options": {},
    "case": asdict(StepCase(batch_size=4, seq_len=8)),
    "shape": "bert-tiny",
    "device": "cpu",
    "threads": 1,
    "seed": 0,
    "distinct": 1,
}


@pytest.mark.slow
def test_worker_takes_steps_until_it_is_closed(tmp_path: Path) -> None:
    (tmp_path / "ftcheck.toml").write_text("max_train_rows = 16\n", encoding="utf-8")
    with closing(WorkerBlocks(tmp_path, REQUEST)) as blocks:
        assert 0 < blocks(2) < 1
    assert blocks._process.returncode == 0


def test_code_of_the_folder_goes_before_the_installed_one(tmp_path: Path) -> None:
    package = tmp_path / "pytest_ftcheck" / "speed"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").write_text("", encoding="utf-8")
    (package / "worker.py").write_text("raise SystemExit('the code of the folder')", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"(?s)could not be made or run there.*the code of the folder"):
        WorkerBlocks(tmp_path, REQUEST)
