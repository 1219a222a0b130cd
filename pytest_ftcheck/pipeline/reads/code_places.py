"""Distinguishes code of the user's project from code of a library with a version."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

_OWN_PACKAGE = str(Path(__file__).resolve().parents[2])


@lru_cache(maxsize=1)
def _standard_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return _with_resolved(paths["stdlib"], paths["platstdlib"])


@lru_cache(maxsize=1)
def _installed_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    named = [paths[name] for name in ("purelib", "platlib", "scripts")]
    return _with_resolved(*named, *getattr(site, "getsitepackages", list)(), site.getusersitepackages())


def _with_resolved(*folders: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*folders, *(str(Path(folder).resolve()) for folder in folders)]))


@lru_cache(maxsize=4096)
def is_library_file(path: str) -> bool:
    """Whether a file belongs to a library: its content is told by a version, or by our own digest."""
    if path.startswith("<frozen"):
        return True
    return _is_inside(path, (*_standard_folders(), *_installed_folders(), _OWN_PACKAGE))


@lru_cache(maxsize=4096)
def is_project_file(path: str) -> bool:
    """True if the path is an existing file that belongs to no library."""
    return not path.startswith("<") and not is_library_file(path) and Path(path).is_file()


def is_test_file(path: str) -> bool:
    """Whether a file is named as pytest names modules of tests."""
    stem = Path(path).stem
    return stem.startswith("test_") or stem.endswith("_test")


def calling_project_file() -> str | None:
    """Return the file of the project whose code asks the standard library; None where a library asks, or we do."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - inspect.stack reads source files, which would be heard
    while frame is not None and _is_between(frame.f_code.co_filename):
        frame = frame.f_back
    file = None if frame is None else frame.f_code.co_filename
    return file if file is not None and is_project_file(file) else None


@lru_cache(maxsize=4096)
def _is_between(file: str) -> bool:
    """Whether code belongs to nobody who asks: the standard library, what hears of it here, what was made of a text."""
    if file.startswith("<") or _is_inside(file, (str(Path(__file__).parent),)):
        return True
    return _is_inside(file, _standard_folders()) and not _is_inside(file, _installed_folders())


def _is_inside(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(folder + os.sep) for folder in folders)
