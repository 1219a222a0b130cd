"""Paths as a user writes them, and what they lead to; whatever was written, no question about one fails."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Literal


def as_path(text: str | Path) -> Path:
    """Return a path as a user writes it, with ``~`` for a home; one of nobody stays, and is not there."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def kind_of(path: Path) -> Literal["file", "folder", "other", ""]:
    """Say what a path leads to: a device or a pipe is another thing; empty where nothing is, or no name can be so."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return ""
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "other"
