"""Remove runs that were not used for a long time: ``python -m pytest_ftcheck.runs.prune --days 30``."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from pytest_ftcheck.runs.store import LOCK, default_store, remove_sides

if TYPE_CHECKING:
    from collections.abc import Sequence

_DAY = 24 * 60 * 60
_DIGEST_LENGTH = 32
"""Number of hexadecimal digits in a run's name; other files and folders are not touched."""


def prune(store: Path, *, days: float, dry_run: bool = False) -> list[Path]:
    """Remove the runs of a store that were neither made nor used for some days, and leftovers of killed processes.

    Args:
        store: folder of `--ftcheck-store`.
        days: days since the last use.
        dry_run: only return the runs, without removing them.

    Returns:
        Folders of the removed runs, the oldest first.

    """
    if not dry_run:
        remove_sides(store)
    limit = time.time() - days * _DAY
    runs = sorted((path.stat().st_mtime, path) for path in store.iterdir() if _is_run(path))
    return [path for last, path in runs if last <= limit and (dry_run or _remove(path))]


def _is_run(path: Path) -> bool:
    return path.is_dir() and len(path.name) == _DIGEST_LENGTH and set(path.name) <= set("0123456789abcdef")


def _remove(path: Path) -> bool:
    """Remove a run, unless a session uses or makes it."""
    lock = path.with_suffix(LOCK)
    try:
        with FileLock(lock).acquire(timeout=0):
            shutil.rmtree(path)
    except (Timeout, OSError):
        return False
    lock.unlink(missing_ok=True)
    return True


def _bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, remove runs, and report their number and size."""
    parser = argparse.ArgumentParser(prog="python -m pytest_ftcheck.runs.prune", description=__doc__)
    parser.add_argument("--days", type=float, default=30, help="days since a run was made or used (default: 30)")
    parser.add_argument("--store", type=Path, default=default_store(), help="default: the user's cache folder")
    parser.add_argument("--dry-run", action="store_true", help="only report what would be removed")
    options = parser.parse_args(arguments)
    if not options.store.is_dir():
        sys.exit(f"no run store at {options.store}. Give the folder of --ftcheck-store.")
    found = prune(options.store, days=options.days, dry_run=True)
    sizes = {path: _bytes_of(path) for path in found}
    gone = found if options.dry_run else prune(options.store, days=options.days)
    what = "would be removed" if options.dry_run else "removed"
    sys.stdout.write(f"{len(gone)} runs {what}, {sum(sizes.get(path, 0) for path in gone) / 2**20:.1f} MiB\n")


if __name__ == "__main__":
    main()
