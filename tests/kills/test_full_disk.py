"""A disk that fills up at any size ends in one message that says what to do: no traceback, nothing half written."""

from __future__ import annotations

import importlib
import os
import resource
import shutil
import signal
import subprocess
from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.kills import kill_reference, kill_writers, killed_session
else:
    kill_reference, kill_writers, killed_session = map(
        importlib.import_module, ("kill_reference", "kill_writers", "killed_session")
    )

pytestmark = pytest.mark.slow

SIZES = 12
SPACE = "Free some space"
LIMIT = "Raise the limit on the size of files (ulimit -f)"
TEMPORARY = "Set TMPDIR to a folder that can be written"
CODES = {"json": {1, 4}, "baseline": {1}, "floors": {1}, "store": {1, 4}}
"""Of pytest: 4 where the session could not begin, or a run could not be kept; 1 where what it found is lost."""


def inside(writer: kill_writers.Writer, size: int | None, _: killed_session.Place) -> Callable[[], None]:
    """Prepare a fork, which may write no file beyond a size where there is one."""
    writer.inside()
    if size is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    return lambda: None


def session(writer: kill_writers.Writer, place: killed_session.Place, size: int | None = None) -> killed_session.Ended:
    """Run a session; pytest would capture what is printed in files."""
    return killed_session.run(("-s", *writer.arguments), place, inside=partial(inside, writer, size))


def largest(reference: kill_reference.Reference) -> int:
    """Bytes of the largest file that the writer writes."""
    project = reference.after.project
    paths = [path for path in project.rglob("*") if reference.writer.is_target(path, project) and path.is_file()]
    return max(path.stat().st_size for path in paths)


def wrong(
    reference: kill_reference.Reference, place: killed_session.Place, ended: killed_session.Ended, todo: str
) -> list[str]:
    """Say what is wrong with a session that could not write, and with what it left."""
    found = kill_reference.wrong_after_a_kill(reference, place)
    found += [f"it leaves {name}" for name in kill_reference.left(place)]
    found += [words for words in ("Traceback (most recent call last)", "INTERNALERROR") if words in ended.output]
    if ended.code not in CODES[reference.writer.name]:
        found.append(f"exit code {ended.code}")
    if todo.casefold() not in ended.output.casefold():
        found.append(f"it does not say {todo!r}")
    others = {SPACE, LIMIT, TEMPORARY} - {todo}
    found += [f"it says {other!r}" for other in others if other.casefold() in ended.output.casefold()]
    return found


def test_no_file_beyond_a_size(reference: kill_reference.Reference, tmp_path: Path) -> None:
    writer, needed = reference.writer, largest(reference)
    found = []
    for number in range(SIZES):
        size = round(needed ** (number / (SIZES - 1))) - 1  # some between those of small files
        place = kill_reference.copy_of(reference.before, tmp_path / f"size{size}")
        ended = session(writer, place, size)
        # Where nothing can be written, Python has no temporary folder; a run is trained before one is needed.
        todo = LIMIT if size or writer.trains else TEMPORARY
        found += [f"{size} of {needed} bytes: {what}\n{ended.output}" for what in wrong(reference, place, ended, todo)]
        shutil.rmtree(place.root)
    assert not found, "\n".join(found)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)],  # noqa: S607 - wherever it lies
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)  # noqa: S607 - as above


def fill(folder: Path, *, free: int) -> None:
    """Fill a disk until so many bytes are free."""
    usage = shutil.disk_usage(folder)
    handle = os.open(folder / "filler", os.O_WRONLY | os.O_CREAT)
    try:
        os.posix_fallocate(handle, 0, max(usage.free - free, 1))
    finally:
        os.close(handle)
    assert shutil.disk_usage(folder).free <= free


def test_disk_that_is_full(reference: kill_reference.Reference, disk: Path) -> None:
    writer, page = reference.writer, os.sysconf("SC_PAGE_SIZE")
    project = reference.after.project
    sizes = [path.stat().st_size for path in project.rglob("*") if writer.is_target(path, project) and path.is_file()]
    # Of the store, one of two entries; else the largest file.
    pages = sum(-(-size // page) for size in sizes) // 2 if writer.trains else -(-max(sizes) // page)
    free = sorted({number * (pages - 1) // (SIZES - 1) for number in range(SIZES)})
    found = []
    for count in free:
        place = kill_reference.copy_of(reference.before, disk / f"free{count}")
        fill(disk, free=count * page)
        ended = session(writer, place)
        (disk / "filler").unlink()
        found += [f"{count} of {pages} pages: {what}\n{ended.output}" for what in wrong(reference, place, ended, SPACE)]
        shutil.rmtree(place.root)
    assert not found, "\n".join(found)
