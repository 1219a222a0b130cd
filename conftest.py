"""Plugins for the tests of this repository, and how they are run."""

from __future__ import annotations

import os
from zlib import crc32

import pytest

pytest_plugins = ["pytester"]

HALVED = ("tests/fuzz/", "tests/runs/reuse/")
"""Folders with hundreds of slow tests of one kind."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With ``FTCHECK_HALF=0`` or ``1``, run only this half of the tests in `HALVED`."""
    half = os.environ.get("FTCHECK_HALF")
    if half is None:
        return
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        other = item.nodeid.startswith(HALVED) and (crc32(item.nodeid.encode()) >> 16) % 2 != int(half)
        (left_out if other else kept).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept
