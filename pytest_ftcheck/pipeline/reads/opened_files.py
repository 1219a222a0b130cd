"""Records the files of the project that are opened, also by libraries that are not written in Python."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_ftcheck.pipeline.reads.code_places import is_library_file
from pytest_ftcheck.pipeline.reads.heard import unheard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_MOST_FOLDERS = 4096
"""A project with more folders is not watched: the system allows each user some thousands."""
_NEVER = frozenset({"__pycache__", "node_modules"})


@contextmanager
def opened_below(root: Path, note: Callable[[str], None], give_up: Callable[[str], None]) -> Iterator[None]:
    """Report the files below a folder that were opened and not written inside this context; Linux only.

    Args:
        root: the folder. Hidden folders in it, and those of virtual environments, are left out.
        note: is given absolute paths, at the end.
        give_up: is told why not all files are known.

    """
    if sys.platform != "linux":
        yield
        return
    from inotify_simple import INotify, flags  # noqa: PLC0415 - there is none elsewhere

    with unheard():
        folders = _folders(str(root))
    if len(folders) > _MOST_FOLDERS:
        yield
        return
    try:
        watch = INotify()
    except OSError:  # the system has no more of them
        yield
        return
    with watch:
        places = {}
        for folder in folders:
            try:
                places[watch.add_watch(folder, flags.OPEN | flags.MODIFY)] = folder
            except OSError:  # it is gone, or the system has no more of them
                continue
        yield
        opened: set[str] = set()
        written: set[str] = set()
        for event in watch.read(timeout=0):
            if event.mask & flags.Q_OVERFLOW:
                give_up("more files of the project are opened than the system can tell of")
            elif event.name and not event.mask & flags.ISDIR:
                path = os.path.join(places[event.wd], event.name)  # noqa: PTH118 - thousands of them
                (opened if event.mask & flags.OPEN else written).add(path)
    for path in opened - written:
        note(path)


def _folders(root: str) -> list[str]:
    found: list[str] = []
    for folder, below, files in os.walk(root):
        if "pyvenv.cfg" in files or is_library_file(folder):
            below.clear()
            continue
        found.append(folder)
        if len(found) > _MOST_FOLDERS:
            break
        below[:] = [name for name in below if not name.startswith(".") and name not in _NEVER]
    return found
