"""The folder of pytest-benchmark, which every session would leave in a project, empty, where nothing is measured.

pytest-benchmark is installed for the sake of ``ft_step``: it makes its folder when it is configured, whatever runs.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

_STORAGE = "file://./.benchmarks"
"""Where pytest-benchmark keeps what it measured, unless it is told another place."""
_FOLDER = pytest.StashKey[Path]()


def note_absence(config: pytest.Config) -> None:
    """Note that the folder is not there, before pytest-benchmark is configured."""
    if config.getoption("benchmark_storage", None) == _STORAGE:
        folder = Path.cwd() / _STORAGE.removeprefix("file://")
        if not folder.exists():
            config.stash[_FOLDER] = folder


def remove_empty(config: pytest.Config) -> None:
    """Remove the folder, if it came in this session, holds nothing, and nothing was measured that it is for."""
    folder = config.stash.get(_FOLDER, None)
    benchmarks = config.pluginmanager.get_plugin("pytest-benchmark")
    if folder is not None and not getattr(benchmarks, "benchmarks", None):
        with suppress(OSError):  # it is not there, or it holds something
            folder.rmdir()
