"""``python -m pytest_ftcheck init``: from a repository with a Trainer to a first verdict."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pytest_ftcheck.errors import FtcheckError
from pytest_ftcheck.init.command import InitOptions, init

_MISUSE = 4  # as pytest's exit code


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return 0, or 4 for misuse, after one message."""
    options = _parser().parse_args(arguments)
    init_options = InitOptions(
        root=options.folder.resolve(),
        place=options.place,
        task=options.task,
        apply=options.apply,
        write=not options.dry_run,
        run=not options.no_run,
    )
    try:
        init(init_options)
    except FtcheckError as error:
        sys.stderr.write(f"ERROR: {error}\n")
        return _MISUSE
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]  # it does not return either
        """End with the exit code of pytest for misuse."""
        self.exit(_MISUSE, f"ERROR: {message}. See {self.prog} --help.\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m pytest_ftcheck", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser(
        "init",
        help="find the Trainer of a project, configure a task and a workflow for CI, and run the first checks",
        description="Find where a project builds its Trainer, without importing it; configure a task and a workflow "
        "for CI; run the cheap checks.",
    )
    start.add_argument("folder", nargs="?", type=Path, default=Path(), help="root of the project; default: this folder")
    start.add_argument("--apply", action="store_true", help="apply the edit that makes a factory of a script")
    start.add_argument("--dry-run", action="store_true", help="print what would be written, write and run nothing")
    start.add_argument("--no-run", action="store_true", help="do not run the cheap checks")
    start.add_argument("--place", metavar="FILE[:LINE]", default="", help="which Trainer, if there are several")
    start.add_argument("--task", metavar="NAME", default="", help="name of the task; default: that of the folder")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
