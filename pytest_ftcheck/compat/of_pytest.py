"""Private names of pytest. They are looked up at their use, so that a rename does not break the start of a session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest


def junit_report(config: pytest.Config) -> Any:
    """Return the writer of ``--junitxml``; None if the option is not given, or this pytest has no such writer."""
    try:
        from _pytest.junitxml import xml_key  # noqa: PLC0415 - no public name leads to the report
    except ImportError:
        return None
    return config.stash.get(xml_key, None)


def base_folder(config: pytest.Config) -> Path:
    """Return the folder of ``tmp_path_factory``, because a hook cannot request fixtures."""
    return Path(config._tmp_path_factory.getbasetemp())  # type: ignore[attr-defined]  # noqa: SLF001 - as above


def temporary_folder(config: pytest.Config, name: str) -> Path:
    """Make a temporary folder whose name begins with this prefix, as ``tmp_path_factory.mktemp`` does."""
    return Path(config._tmp_path_factory.mktemp(name))  # type: ignore[attr-defined]  # noqa: SLF001 - as above


def fixtures_of(request: pytest.FixtureRequest, name: str) -> list[Any]:
    """Return the definitions of a fixture that are visible to a test; the last one is used; may be empty."""
    return list(request._fixturemanager.getfixturedefs(name, request.node) or ())  # noqa: SLF001 - no public question


def terminal_writer(reporter: pytest.TerminalReporter) -> Any:
    """Return the terminal writer, which has the width and whether colours are supported."""
    return reporter._tw  # noqa: SLF001 - it has no public name


def terminal_encoding(writer: Any) -> str:
    """Return the encoding of the terminal's output; UTF-8 if the output accepts any string."""
    return getattr(writer._file, "encoding", None) or "utf-8"  # noqa: SLF001 - it has no public name


def current_line(writer: Any) -> str:
    """Return the content that pytest assumes in the terminal's current line."""
    return str(writer._current_line)  # noqa: SLF001 - only its width has a public name


def set_current_line(writer: Any, text: str) -> None:
    """Set the content that pytest assumes in the terminal's current line."""
    writer._current_line = text  # noqa: SLF001 - as above; `write_raw`, which does not count, is of pytest 9


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is a worker of pytest-xdist, which adds an attribute to the configuration."""
    return hasattr(config, "workerinput")
