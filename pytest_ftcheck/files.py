"""Writes the user's files completely or not at all; mode, owner and links stay."""

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
    """Write a temporary file in the same folder, flush it to the disk, and rename it.

    An existing file keeps its mode and owner, and links to it stay links. Other kinds of files, such as a device or a
    pipe, are opened and written.

    Args:
        path: path of the file; its folder must exist.
        content: the whole content.

    Raises:
        OSError: the file cannot be written; a regular file stays unchanged.

    """
    if is_special(path):
        with path.open("ab") as file:
            file.write(content)
        return
    target = Path(os.path.realpath(path))
    side = target.with_name(_SIDES.replace("*", _digest(target.name)))
    with _lock_of(side):  # an existing file with this name is a leftover of a killed process
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
    """Write into an existing file, because a rename would change its owner."""
    before = target.read_bytes()
    try:
        target.write_bytes(content)
    except OSError:
        target.write_bytes(before)
        raise


def is_special(path: Path) -> bool:
    """Whether a path is not a regular file and must not be replaced: a device, a pipe, a folder."""
    return str(path).startswith(_SYSTEM) or kind_of(path) in ("other", "folder")


def is_full(error: BaseException | None) -> bool:
    """Whether an error or its cause means that the disk or the quota is full."""
    return _says(error, (errno.ENOSPC, errno.EDQUOT), _FULL)


def _is_too_large(error: BaseException | None) -> bool:
    return _says(error, (errno.EFBIG,), _TOO_LARGE)


def _says(error: BaseException | None, numbers: Container[int | None], words: re.Pattern[str]) -> bool:
    """Whether an error or its cause has one of the numbers, or such a message, as in libraries in Rust and C."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in numbers:
            return True
        if words.search(text_of(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


class NoTemporaryFolderError(OSError):
    """The system's temporary folder and all its alternatives cannot be written."""


def _temporary() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise NoTemporaryFolderError(error.errno, error.strerror) from error


def what_to_do(error: BaseException, otherwise: str) -> str:
    """Return what to do about a write error: free space, a higher limit, or ``otherwise``."""
    if isinstance(error, NoTemporaryFolderError):
        return "Set TMPDIR to a folder that can be written"
    if is_full(error):
        return "Free some space"
    return "Raise the limit on the size of files (ulimit -f)" if _is_too_large(error) else otherwise


def remove_leftovers(*folders: Path) -> None:
    """Remove leftovers of killed processes in folders, and all their temporary files.

    Files that another process is writing stay.
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
        ):  # a process is writing it, or another user owns the folder
            continue


@cache
def scratch_folder() -> Path:
    """Return the folder for all temporary files of this process; it is removed when the process ends.

    Each process holds a lock while it runs, so that the next process can remove the folders of killed processes.

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
    """Flush a file, or the entries of a folder, to the disk."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows cannot open folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def lock_path(kind: Literal["file", "baseline"], subject: str) -> Path:
    """Return the path of a lock of this user on this machine, outside of the project.

    Lock files are not removed, because another process may wait for them. Several subjects share a lock, so that their
    number is limited. No process may hold two locks of a kind.
    """
    return _temporary() / f"ftcheck-{_user()}-{kind}-{_digest(subject)[:2]}.lock"


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _lock_of(side: Path) -> BaseFileLock:
    return FileLock(lock_path("file", str(side)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]


def _keep_attributes(target: Path, side: Path) -> bool:
    """Copy mode, owner and attributes of the old file to the new file; return False without permission."""
    if not target.exists():
        return True
    there = target.stat()
    if hasattr(os, "chown") and (there.st_uid, there.st_gid) != (side.stat().st_uid, side.stat().st_gid):
        try:
            os.chown(side, there.st_uid, there.st_gid)
        except PermissionError:
            return False
    shutil.copystat(target, side)
    os.utime(side)  # set the time of the change
    return True
