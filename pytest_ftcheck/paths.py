"""Paths from users, and their kind; these functions raise no error for any string."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Literal


def as_path(text: str | Path) -> Path:
    """Return a user's path with ``~`` expanded; ``~NAME`` of an unknown user stays, and does not exist."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def kind_of(path: Path) -> Literal["file", "folder", "other", ""]:
    """Return the kind of a path; devices and pipes are "other"; empty if it does not exist or is invalid."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return ""
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "other"
