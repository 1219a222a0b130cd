"""Removes the empty folder that pytest-benchmark leaves in a project where nothing is measured.

pytest-benchmark is installed for ``ft_step``. It makes its folder in ``pytest_configure``, whichever tests run.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

_STORAGE = "file://./.benchmarks"
"""The default place where pytest-benchmark stores its measurements."""
_FOLDER = pytest.StashKey[Path]()


def note_absence(config: pytest.Config) -> None:
    """Note that the folder does not exist, before pytest-benchmark is configured."""
    if config.getoption("benchmark_storage", None) == _STORAGE:
        folder = Path.cwd() / _STORAGE.removeprefix("file://")
        if not folder.exists():
            config.stash[_FOLDER] = folder


def remove_empty(config: pytest.Config) -> None:
    """Remove the folder, if this session made it, it is empty, and pytest-benchmark measured nothing."""
    folder = config.stash.get(_FOLDER, None)
    benchmarks = config.pluginmanager.get_plugin("pytest-benchmark")
    if folder is not None and not getattr(benchmarks, "benchmarks", None):
        with suppress(OSError):  # it does not exist, or it is not empty
            folder.rmdir()
