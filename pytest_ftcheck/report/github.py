"""What GitHub Actions shows: annotations of causes at the user's lines, and the Markdown as summary of the step."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ftcheck.report.groups import agreeing, one_line
from pytest_ftcheck.report.markdown import markdown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.report.document import Document
    from pytest_ftcheck.report.records import CauseRecord
    from pytest_ftcheck.settings import Settings

MOST = 10
"""Annotations of each kind that GitHub shows of a step."""
_IN_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def publish(document: Document, settings: Settings, environment: Mapping[str, str]) -> tuple[list[str], str]:
    """Write the summary of the step, where GitHub Actions runs the session.

    Args:
        document: results of the session.
        settings: settings of the session.
        environment: variables of the process.

    Returns:
        Commands to print, which annotate the causes; and why the summary could not be written, empty where it was.

    """
    if not is_on(settings.github, environment):
        return [], ""
    commands = error_commands(document, settings.rootdir, environment.get("GITHUB_WORKSPACE"))
    return commands, append_summary(document, environment)


def is_on(mode: str, environment: Mapping[str, str]) -> bool:
    """Whether annotations and a summary are written: ``on``, or ``auto`` in a workflow of GitHub Actions."""
    return mode == "on" or (mode == "auto" and environment.get("GITHUB_ACTIONS") == "true")


def error_commands(document: Document, rootdir: Path, workspace: str | None) -> list[str]:
    """Return a command of GitHub Actions for each cause, the most likely one first, at most `MOST`.

    Args:
        document: results of a session.
        rootdir: root folder of the project, from which the document names files.
        workspace: folder of the checkout, from which GitHub names files; None: the root folder.

    """
    return [_annotation(cause, rootdir, workspace) for cause in document.causes[:MOST]]


def append_summary(document: Document, environment: Mapping[str, str]) -> str:
    """Append the Markdown to the summary of the step, where GitHub names a file for it.

    Returns:
        Why it could not be written; empty where it was.

    """
    path = environment.get("GITHUB_STEP_SUMMARY")
    if not path:
        return ""
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(markdown(document))
    except OSError as error:
        return f"GITHUB_STEP_SUMMARY={path}: not written, {error.strerror or error}."
    return ""


def _annotation(cause: CauseRecord, rootdir: Path, workspace: str | None) -> str:
    found, place = cause.finding, cause.source
    properties = {"title": f"ftcheck: {found.check} of {cause.task}"}
    if place is not None:
        properties = {"file": _file(place.file, rootdir, workspace), "line": str(place.line), **properties}
    agree = f" ({agreeing(cause)}: also {', '.join(cause.consequences)})" if cause.consequences else ""
    lines = [f"{one_line(found)}{agree}", *([f"what to do: {found.hint}"] if found.hint else [])]
    lines += [f"run it again: {cause.command}"] if cause.command else []
    shown = ",".join(f"{name}={value.translate(_IN_PROPERTY)}" for name, value in properties.items())
    return f"::error {shown}::{chr(10).join(lines).translate(_IN_DATA)}"


def _file(file: str, rootdir: Path, workspace: str | None) -> str:
    """Return the path of a file from the folder of the checkout; from the root folder where it lies elsewhere."""
    if not workspace:
        return file
    path = os.path.relpath(rootdir / file, workspace)
    return file if path.startswith(os.pardir) else Path(path).as_posix()
