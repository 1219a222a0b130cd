"""Changes of what is read only while the model trains: nothing that lies in memory before differs."""

from __future__ import annotations

import importlib
import shutil
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.runs.reuse.workplace import Change
else:
    from workplace import Change

BINARIES = importlib.import_module("late_binaries")
SET = {
    "item": "LATE_ITEM",
    "get": "LATE_GET",
    "getenv": "LATE_GETENV",
    "imported": "LATE_IMPORTED",
    "imported-getenv": "LATE_IMPORTED_GETENV",
    "copy": "LATE_COPY",
    "dict": "LATE_DICT",
    "merged": "LATE_MERGED",
    "union": "LATE_UNION",
    "contains": "LATE_CONTAINS",
    "expandvars": "LATE_EXPAND",
    "bytes": "LATE_BYTES",
    "getenvb": "LATE_GETENVB",
    "prefix": "TUNE_SECOND",
    "prefix-of-keys": "COUNTED_ONE",
    "template": "LATE_TEMPLATE",
    "format": "LATE_FORMAT",
    "setdefault": "LATE_SETDEFAULT",
    "caught": "LATE_MISSING",
    "thread": "LATE_THREAD",
}
TEXTS = {
    "read-text": "late/text.txt",
    "open": "late/open.txt",
    "opener": "late/opener.txt",
    "file-io": "late/file_io.txt",
    "descriptor": "late/descriptor.txt",
    "thread": "late/thread.txt",
    "pool": "late/pool.txt",
    "genfromtxt": "late/matrix.txt",
    "json": "late/late.json",
    "pandas": "late/frame.csv",
    "arrow-csv": "late/arrow.csv",
    "linecache": "late/lines.txt",
    "configparser": "late/settings.ini",
    "resources": "box/resource.txt",
    "pkgutil": "box/data.txt",
    "relative": "late/relative.txt",
    "import-statement": "late_statement.py",
    "import-module": "late_by_name.py",
    "import-by-path": "plugins/by_path.py",
    "import-of-a-pickle": "late_pickled.py",
    "import-from-a-package": "box/inner.py",
    "import-of-the-vendor": "vendor/vendored.py",
    "run-path": "plugins/plugin_one.py",
    "exec-of-a-file": "plugins/executed.py",
}


def amount_of(path: str, folder: Path) -> None:
    """Put another amount in the place of the one that a text file has."""
    file = folder / path
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("0.1", "0.9", 1) if "0.1" in text else text.replace("0.3", "0.9", 1), encoding="utf-8")


def written(path: str, text: str, folder: Path) -> None:
    """Write a file."""
    (folder / path).write_text(text, encoding="utf-8")


def late(name: str, act: Callable[[Path], object]) -> Change:
    """Make a change by a function."""
    return Change(f"late-{name}", act=act, project="late")


def removed(path: str, folder: Path) -> None:
    """Remove a file."""
    (folder / path).unlink()


def other_working_folder(folder: Path) -> None:
    """Prepare another working folder, with other files of the same names."""
    place = folder.parent / "elsewhere" / "late"
    shutil.copytree(folder / "late", place, symlinks=True)
    (place / "relative.txt").write_text("0.9\n", encoding="utf-8")


VARIABLES = tuple(
    Change(f"late-variable-{name}", environment={variable: "0.9"}, project="late", quick=name == "getenv")
    for name, variable in SET.items()
)
WORKING_FOLDER = Change(
    "late-another-working-folder",
    act=other_working_folder,
    environment={"WORKING_FOLDER": "{root}/checkout/elsewhere"},
    project="late",
)
FILES = tuple(replace(late(name, partial(amount_of, path)), quick=name == "open") for name, path in TEXTS.items())
BINARY = tuple(
    late(name.removeprefix("late/").replace("/", "-"), partial(BINARIES.write, name=name, amount=0.9))
    for name in BINARIES.WRITERS
)
FOLDERS = (
    late("new-file-of-listdir-and-glob", partial(written, "late/many/c.txt", "c")),
    late("new-file-of-walk", partial(written, "late/tree/deep/b.txt", "b")),
    late("newest-of-glob", partial(written, "late/checkpoint-2.txt", "0.9")),
    late("file-that-exists", partial(written, "late/exists.txt", "")),
    late("file-that-is-gone", partial(removed, "late/isfile.txt")),
    late("size-of-a-file", partial(written, "late/size.txt", "123456789012345")),
    late("override-that-is-new", partial(written, "late/override.txt", "0.9")),
    late("file-that-was-tried", partial(written, "late/tried.txt", "0.9")),
    late("module-that-was-tried", partial(written, "optional_rules.py", "AMOUNT = 0.9\n")),
    late("module-that-was-looked-for", partial(written, "optional_found.py", "AMOUNT = 0.9\n")),
    late("module-that-is-found-first", partial(written, "vendored.py", "AMOUNT = 0.9\n")),
    late(
        "package-that-is-found-first",
        lambda folder: written("late_statement/__init__.py", "AMOUNT = 0.9\n", made(folder)),
    ),
    late("plugin-that-is-new", partial(written, "plugins/plugin_two.py", "AMOUNT = 0.9\n")),
)


def made(folder: Path) -> Path:
    """Make the folder of a package."""
    (folder / "late_statement").mkdir()
    return folder


LATE = (*VARIABLES, WORKING_FOLDER, *FILES, *BINARY, *FOLDERS)
