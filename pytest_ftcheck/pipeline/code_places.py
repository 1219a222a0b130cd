"""Whose code is it: that of the user's project, or that of a library that has a version."""

from __future__ import annotations

import os
import site
import sysconfig
from functools import lru_cache
from pathlib import Path

_OWN_PACKAGE = str(Path(__file__).resolve().parents[1])


@lru_cache(maxsize=1)
def library_folders() -> tuple[str, ...]:
    """Folders of the standard library and of installed distributions; ours is one, wherever it lies."""
    paths = sysconfig.get_paths()
    named = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")]
    installed = [*getattr(site, "getsitepackages", list)(), site.getusersitepackages()]
    resolved = [str(Path(folder).resolve()) for folder in [*named, *installed]]
    return tuple(dict.fromkeys([*named, *installed, *resolved, _OWN_PACKAGE]))


@lru_cache(maxsize=4096)
def is_library_file(path: str) -> bool:
    """Whether a file belongs to a library: its content is told by a version, or by our own digest."""
    if path.startswith("<frozen"):
        return True
    return any(path == folder or path.startswith(folder + os.sep) for folder in library_folders())


@lru_cache(maxsize=4096)
def is_project_file(path: str) -> bool:
    """Whether this is the path of a file that is there, and belongs to no library."""
    return not path.startswith("<") and not is_library_file(path) and Path(path).is_file()
