"""Writes the JSON document: strict JSON, complete or not at all. `report/document.py` defines its content."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.files import is_special, what_to_do, write_whole
from pytest_ftcheck.paths import kind_of
from pytest_ftcheck.report.plain import plain


def check_writable(path: Path, option: str = "--ftcheck-json") -> None:
    """Check that a file can be written, before hours of training.

    Args:
        path: the file.
        option: option that names it.

    Raises:
        SettingsError: it cannot.

    """
    folder = Path(os.path.realpath(path)).parent
    is_folder = kind_of(path) == "folder"
    if is_special(path) and not is_folder:
        reason = "" if os.access(path, os.W_OK) else "it is not writable"
    elif is_folder or kind_of(folder) != "folder" or not os.access(folder, os.W_OK):
        reason = "it is a folder" if is_folder else "its folder is absent or not writable"
    else:
        reason = ""
    if reason:
        msg = f"{option}={path}: cannot be written, {reason}. Give a file in a folder that exists."
        raise SettingsError(msg)


def begin_file(path: Path, option: str, text: str) -> None:
    """Write what stands in a file until the session ends.

    Args:
        path: the file.
        option: option that names it.
        text: see `pytest_ftcheck.report.unfinished`.

    Raises:
        SettingsError: it cannot be written.

    """
    check_writable(path, option)
    if is_special(path):  # a pipe gets one document
        return
    try:
        write_whole(path, text.encode())
    except OSError as error:
        todo = what_to_do(error, "Make it writable")
        msg = f"{option}={path}: cannot be written, {error.strerror or error}. {todo}, or give another file."
        raise SettingsError(msg) from error


def write_json(path: Path, document: Any) -> None:
    """Write the document, complete or not at all.

    Raises:
        OSError: it cannot be written.

    """
    write_whole(path, content_of(document))


def content_of(document: Any) -> bytes:
    """Return the content of a document's file."""
    return f"{json_text(document)}\n".encode()


def json_text(document: Any) -> str:
    """Return a record, or plain values, as JSON. NaN and infinity become strings, because JSON has neither."""
    return json.dumps(_for_json(plain(document)), indent=2, allow_nan=False)


def _for_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _for_json(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_for_json(entry) for entry in value]
    if hasattr(value, "item"):  # a number of NumPy
        return _for_json(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
