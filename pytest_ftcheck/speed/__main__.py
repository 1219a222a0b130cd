"""``python -m pytest_ftcheck.speed``: tables and comparisons of stored measurements."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pytest_ftcheck.errors import FtcheckError
from pytest_ftcheck.speed.stored import compare_stored, read_stored, table_of


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return 1 if a step is slower, 2 if nothing could be compared or a file could not be read."""
    options = _parser().parse_args(arguments)
    try:
        stored = [read_stored(path) for path in options.files]
    except FtcheckError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if options.command == "table":
        sys.stdout.write(table_of(stored, as_csv=options.csv).rstrip("\n") + "\n")
        return 0
    found = compare_stored(stored[0], stored[1], options.tolerance)
    sys.stdout.writelines(f"{line}\n" for line, _ in found)
    verdicts = {verdict for _, verdict in found}
    return 1 if "slower" in verdicts else 2 if verdicts == {"not comparable"} else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pytest_ftcheck.speed", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    table = commands.add_parser("table", help="one table of the steps in several files")
    table.add_argument("files", nargs="+", type=Path, metavar="JSON", help="written by --benchmark-json")
    table.add_argument("--csv", action="store_true", help="CSV instead of Markdown")
    compare = commands.add_parser("compare", help="the same steps before and after, on the same hardware")
    compare.add_argument("files", nargs=2, type=Path, metavar="JSON", help="before and after")
    compare.add_argument("--tolerance", type=float, default=0.05, help="fraction by which a step may be slower")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
