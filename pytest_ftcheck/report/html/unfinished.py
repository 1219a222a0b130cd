"""The page of a session that has not ended; it needs neither jinja2 nor torch, because it is written at start-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.report.json import begin_file

if TYPE_CHECKING:
    from pathlib import Path

UNFINISHED = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Not finished: pytest-ftcheck</title></head>
<body><main><h1>This session has not finished</h1>
<p>pytest is still running, or it crashed. A session that crashed counts as failed. At its end, the session writes its
report into this file.</p></main></body>
</html>
"""


def begin_page(path: Path) -> None:
    """Write a page that says "not finished": if the session crashes, no older page is read as its result.

    Raises:
        SettingsError: it cannot be written.

    """
    begin_file(path, "--ftcheck-html", UNFINISHED.encode())
