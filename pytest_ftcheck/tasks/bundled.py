"""Folders of the bundled data and checkpoints: inside the wheel, or beside the package in a checkout."""

from __future__ import annotations

from pathlib import Path

BUNDLED_CHECKPOINTS = ("tiny-bert", "tiny-distilbert")

_PACKAGE = Path(__file__).resolve().parent.parent


def fixtures_folder() -> Path:
    """Folder that holds ``data/`` and ``checkpoints/``."""
    in_wheel = _PACKAGE / "_fixtures"
    return in_wheel if in_wheel.is_dir() else _PACKAGE.parent / "fixtures"


def bundled_data(task: str) -> Path | None:
    """Folder of a task's bundled data set; None if the task has none."""
    folder = fixtures_folder() / "data" / task
    return folder if folder.is_dir() else None


def bundled_checkpoint(name: str) -> Path:
    """Folder of a bundled checkpoint."""
    return fixtures_folder() / "checkpoints" / name
