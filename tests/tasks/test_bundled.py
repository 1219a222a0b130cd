"""Where bundled data and checkpoints are found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.tasks import bundled

if TYPE_CHECKING:
    from pathlib import Path


def test_checkout_reads_the_folder_beside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "_PACKAGE", tmp_path / "pytest_ftcheck")
    assert bundled.fixtures_folder() == tmp_path / "fixtures"


def test_wheel_reads_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "_PACKAGE", tmp_path)
    (tmp_path / "_fixtures").mkdir()
    assert bundled.fixtures_folder() == tmp_path / "_fixtures"


def test_task_without_bundled_data_has_no_folder() -> None:
    assert bundled.bundled_data("reviews") is None


@pytest.mark.parametrize("name", bundled.BUNDLED_CHECKPOINTS)
def test_bundled_checkpoint_is_complete(name: str) -> None:
    folder = bundled.bundled_checkpoint(name)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {file.name for file in folder.iterdir()}
