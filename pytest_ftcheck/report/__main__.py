"""``python -m pytest_ftcheck.report``: renders, compares or tracks the JSON documents of sessions."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ftcheck.errors import DataError, FtcheckError
from pytest_ftcheck.files import write_whole
from pytest_ftcheck.report.difference import difference_lines
from pytest_ftcheck.report.document import Document
from pytest_ftcheck.report.forms import FORMS
from pytest_ftcheck.report.history import history, history_lines
from pytest_ftcheck.report.html.history import history_page
from pytest_ftcheck.report.read import read_file
from pytest_ftcheck.report.session_summary import session_summary
from pytest_ftcheck.report.trackers import TRACKERS
from pytest_ftcheck.report.view import View

if TYPE_CHECKING:
    from collections.abc import Sequence

_MISUSE = 2
"""Exit code of argparse for wrong arguments."""
_WIDTH = 100
_FROM_JSON = tuple(name for name in FORMS if name != "json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code: 0, or 2 where a file cannot be read or written."""
    given = _parser().parse_args(arguments)
    try:
        if given.command == "diff":
            lines = difference_lines(_document(given.before), _document(given.after))
        elif given.command == "history":
            documents = [(str(path), _document(path)) for path in given.documents]
            series = history(sorted(documents, key=lambda named: named[1].started))
            lines = history_lines(series)
            if given.html:
                _write(given.html, "html", history_page(series))
        elif given.command == "track":
            lines = _track(_document(given.document), {name: getattr(given, name) for name in TRACKERS})
        else:
            document = _document(given.document)
            lines = _render(document, {name: path for name in _FROM_JSON if (path := getattr(given, name))})
    except FtcheckError as error:
        sys.stderr.write(f"ERROR: {error}\n")
        return _MISUSE
    view = View(encoding=sys.stdout.encoding or "utf-8")
    sys.stdout.write("".join(f"{line}\n" for line in view.show(lines)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pytest_ftcheck.report", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    render = commands.add_parser(
        "render", allow_abbrev=False, help="write a document in other forms; without any, print the summary"
    )
    render.add_argument("document", type=Path, help="file of --ftcheck-json")
    for name in _FROM_JSON:
        render.add_argument(f"--{name}", type=Path, metavar="PATH", help=f"as --ftcheck-{name}")
    diff = commands.add_parser(
        "diff", allow_abbrev=False, help="compare two documents: verdict, metrics, failed checks, versions"
    )
    diff.add_argument("before", type=Path, help="file of --ftcheck-json")
    diff.add_argument("after", type=Path, help="file of --ftcheck-json of a later session")
    course = commands.add_parser("history", help="judge each metric of the latest document by those before")
    course.add_argument("documents", type=Path, nargs="+", help="files of --ftcheck-json, in any order")
    course.add_argument("--html", type=Path, metavar="PATH", help="also write an HTML page with a chart of each metric")
    track = commands.add_parser("track", allow_abbrev=False, help="log the runs of a document to experiment trackers")
    track.add_argument("document", type=Path, help="file of --ftcheck-json")
    track.add_argument("--trackio", metavar="PROJECT", help="project of Trackio, which is made where there is none")
    track.add_argument("--mlflow", metavar="EXPERIMENT", help="experiment of MLflow, which is made where there is none")
    return parser


def _track(document: Document, names: dict[str, str | None]) -> list[str]:
    """Log a document to each tracker that has a name.

    Raises:
        DataError: none has one.

    """
    if not any(names.values()):
        msg = "no tracker is given. Give --trackio=PROJECT, --mlflow=EXPERIMENT, or both."
        raise DataError(msg)
    return [line for tracker, name in names.items() if name for line in TRACKERS[tracker](document, name)]


def _document(path: Path) -> Document:
    """Read the document of a session that has ended.

    Raises:
        DataError: it is none, or has another version.

    """
    document = read_file(path)
    if not isinstance(document, Document):
        reason = "is the result of judge" if hasattr(document, "ok") else "says that its session has not ended"
        msg = f"{path} {reason}: give the document of a session that has ended."
        raise DataError(msg)
    return document


def _render(document: Document, paths: dict[str, Path]) -> list[str]:
    """Write the requested files; without any, return the summary."""
    for name, path in paths.items():
        _write(path, name, FORMS[name](document))
    return [] if paths else list(session_summary(document, View()))


def _write(path: Path, option: str, text: str) -> None:
    """Write a file.

    Raises:
        DataError: it cannot be written.

    """
    try:
        write_whole(path, text.encode())
    except OSError as error:
        msg = f"--{option}={path}: not written, {error.strerror or error}. Give another file."
        raise DataError(msg) from error


if __name__ == "__main__":
    sys.exit(main())
