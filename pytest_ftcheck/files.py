"""Write the files that a user keeps: whole, or as they were; mode, owner and links stay."""

from __future__ import annotations

import atexit
import errno
import hashlib
import os
import re
import shutil
import tempfile
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from filelock import FileLock, Timeout

from pytest_ftcheck.paths import kind_of
from pytest_ftcheck.printable import text_of

if TYPE_CHECKING:
    from collections.abc import Container

    from filelock import BaseFileLock

_SYSTEM = ("/dev/", "/proc/")
_FULL = re.compile(r"No space left on device|Disk quota exceeded|disk is full", re.IGNORECASE)
_TOO_LARGE = re.compile(r"File too large", re.IGNORECASE)
_SIDES = ".ftcheck-*.new"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place, flush it to the disk, and rename it.

    A file that is there keeps its mode and owner, and links to it stay links. What is no regular file, such as a device
    or a pipe, is written into.

    Args:
        path: of the file; its folder must be there.
        content: all of it.

    Raises:
        OSError: it cannot be written; a regular file is as it was.

    """
    if is_special(path):
        with path.open("ab") as file:
            file.write(content)
        return
    target = Path(os.path.realpath(path))
    side = target.with_name(_SIDES.replace("*", _digest(target.name)))
    with _lock_of(side):  # what else has this name was left by a process that was killed
        try:
            with side.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if _keep_attributes(target, side):
                side.replace(target)
                flush(target.parent)
            else:
                _write_into(target, content)
        finally:
            side.unlink(missing_ok=True)


def _write_into(target: Path, content: bytes) -> None:
    """Write into a file whose place no other one may take, because its owner would change."""
    before = target.read_bytes()
    try:
        target.write_bytes(content)
    except OSError:
        target.write_bytes(before)
        raise


def is_special(path: Path) -> bool:
    """Whether a path leads to no regular file, so that nothing may take its place: a device, a pipe, a folder."""
    return str(path).startswith(_SYSTEM) or kind_of(path) in ("other", "folder")


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or one behind it, says that the disk or the quota is full."""
    return _says(error, (errno.ENOSPC, errno.EDQUOT), _FULL)


def _is_too_large(error: BaseException | None) -> bool:
    return _says(error, (errno.EFBIG,), _TOO_LARGE)


def _says(error: BaseException | None, numbers: Container[int | None], words: re.Pattern[str]) -> bool:
    """Whether an error, or one behind it, has one of some numbers, or says so: libraries in Rust and C word it."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in numbers:
            return True
        if words.search(text_of(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


class NoTemporaryFolderError(OSError):
    """The system's temporary folder, and all that may take its place, cannot be written."""


def _temporary() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise NoTemporaryFolderError(error.errno, error.strerror) from error


def what_to_do(error: BaseException, otherwise: str) -> str:
    """Say what helps against an error of writing: space, a higher limit, or what is given."""
    if isinstance(error, NoTemporaryFolderError):
        return "Set TMPDIR to a folder that can be written"
    if is_full(error):
        return "Free some space"
    return "Raise the limit on the size of files (ulimit -f)" if _is_too_large(error) else otherwise


def remove_leftovers(*folders: Path) -> None:
    """Remove what processes that were killed left in folders, and all their temporary files.

    What another process is writing stays.
    """
    with suppress(NoTemporaryFolderError):
        _remove_dead_scratch()
    for side in (side for folder in folders for side in folder.glob(_SIDES)):
        try:
            with _lock_of(side).acquire(timeout=0):
                side.unlink(missing_ok=True)
        except (
            Timeout,
            OSError,
        ):  # it is being written, or a folder of others: somebody else's next session removes it
            continue


@cache
def scratch_folder() -> Path:
    """Return the folder for all temporary files of this process; it goes with the process.

    What processes that were killed left is removed when the next one asks: each holds a lock as long as it lives.

    Raises:
        OSError: the system's temporary folder cannot be written.

    """
    _remove_dead_scratch()
    folder = _temporary() / f"{_scratch_prefix()}{uuid.uuid4().hex}"
    held = FileLock(folder.with_suffix(".lock"))
    held.acquire()
    folder.mkdir(mode=0o700)
    atexit.register(_remove_scratch, folder, held, os.getpid())
    return folder


def _scratch_prefix() -> str:
    return f"ftcheck-{_user()}-scratch-"


def _remove_dead_scratch() -> None:
    for lock in _temporary().glob(f"{_scratch_prefix()}*.lock"):
        _remove_unlocked(lock)


def _remove_unlocked(lock: Path) -> None:
    try:
        with FileLock(lock).acquire(timeout=0):
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            lock.unlink(missing_ok=True)
    except (Timeout, OSError):
        return


def _remove_scratch(folder: Path, held: BaseFileLock, process: int) -> None:
    if os.getpid() != process:  # a fork
        return
    shutil.rmtree(folder, ignore_errors=True)
    held.release()
    folder.with_suffix(".lock").unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Make sure that a file, or the names in a folder, are on the disk, as far as the system tells."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def lock_path(kind: Literal["file", "baseline"], subject: str) -> Path:
    """Name a lock of this user on this machine, outside of what the user commits.

    Locks stay, because who waits for one must find it: some subjects share one, so that there are never many. Nobody
    may hold two of a kind.
    """
    return _temporary() / f"ftcheck-{_user()}-{kind}-{_digest(subject)[:2]}.lock"


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _lock_of(side: Path) -> BaseFileLock:
    return FileLock(lock_path("file", str(side)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]


def _keep_attributes(target: Path, side: Path) -> bool:
    """Give a file that takes a place the mode, the owner and the attributes of the one that is there, if we may."""
    if not target.exists():
        return True
    there = target.stat()
    if hasattr(os, "chown") and (there.st_uid, there.st_gid) != (side.stat().st_uid, side.stat().st_gid):
        try:
            os.chown(side, there.st_uid, there.st_gid)
        except PermissionError:
            return False
    shutil.copystat(target, side)
    os.utime(side)  # it was changed now
    return True
