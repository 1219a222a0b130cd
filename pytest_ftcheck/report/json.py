"""Everything a session found, as one JSON document; its schema is described in ``docs/json.md``."""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = 1


def check_writable(path: Path) -> None:
    """Make sure that the document can be written, before hours of training.

    Raises:
        SettingsError: it cannot.

    """
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        reason = "it is a folder" if path.is_dir() else "its folder is absent or not writable"
        msg = f"--ftcheck-json={path}: cannot be written, {reason}. Give a file in a folder that exists."
        raise SettingsError(msg)


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write the document in one piece: whole, or not at all. NaN and infinity become texts, as JSON has neither."""
    side = path.with_name(f".{path.name}.{os.getpid()}")
    text = json.dumps(_plain({"schema": SCHEMA, **document}), indent=2, allow_nan=False)
    try:
        side.write_text(text + "\n", encoding="utf-8")
        side.replace(path)
    finally:
        side.unlink(missing_ok=True)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if hasattr(value, "item"):  # a number of NumPy
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
