"""What stands in the files of a session until it ends: if it crashes, no older file is read as its result.

Nothing heavy is imported here, because these files are written before a test is collected.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_ftcheck.option_table import FLAGS
from pytest_ftcheck.report.html.unfinished import PAGE
from pytest_ftcheck.report.json import begin_file, json_text
from pytest_ftcheck.report.records import UnfinishedDocument

if TYPE_CHECKING:
    from collections.abc import Mapping

_COUNTS = ("tests", "passed", "failed", "skipped", "pending", "other", "start", "stop")
_NO_RESULTS = {
    "reportFormat": "CTRF",
    "specVersion": "1.0.0",
    "extra": {"finished": False},
    "results": {"tool": {"name": "pytest-ftcheck"}, "summary": dict.fromkeys(_COUNTS, 0), "tests": []},
}

UNFINISHED: Mapping[str, str] = MappingProxyType(
    {
        "json": f"{json_text(UnfinishedDocument())}\n",
        "html": PAGE,
        "md": "## ❌ ftcheck: the session has not ended, or it crashed\n",
        "ctrf": f"{json_text(_NO_RESULTS)}\n",
        "openmetrics": "# EOF\n",
    }
)
"""By the `Settings` field of the option: the text of the file."""


def begin_files(paths: Mapping[str, Path | str]) -> None:
    """Write what stands in the requested files until the session ends.

    Args:
        paths: by the `Settings` field of the option.

    Raises:
        SettingsError: a file cannot be written.

    """
    for name, path in paths.items():
        begin_file(Path(path), FLAGS[name], UNFINISHED[name])
