"""What the commands of pages need: the programs `pytest` and `python` of this test run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.documents.console import write_programs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_programs(tmp_path_factory.mktemp("programs") / "bin")
