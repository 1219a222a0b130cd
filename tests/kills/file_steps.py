"""What a process does to files, step by step, with an end before any of them.

A step is a call of the system that changes a file, a folder or a name, as Python's audit hooks tell of them, a flush
to the disk, and each half of what a file object of Python writes. What libraries write in Rust and C is not seen; the
steps before and after it are.
"""

from __future__ import annotations

import builtins
import io
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

END = "end"
"""The step after all others: the session has ended."""
_CHANGES = {"os.rename": 2, "os.remove": 1, "os.rmdir": 1, "os.mkdir": 1, "os.chmod": 1, "os.chown": 1, "os.utime": 1}
"""Events of audit hooks, with the number of paths that they begin with."""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class FileSteps:
    """Writes down the steps of this process, and kills it before the n-th.

    There is no way back: it is for a process that ends soon.
    """

    def __init__(self, log: Path, is_own: Callable[[Path], bool], *, kill_at: int | None = None) -> None:
        """Begin.

        Args:
            log: gets a line for each step before it is done.
            is_own: says which paths count.
            kill_at: number of the step that is not done any more, from 1.

        """
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._is_own, self._kill_at, self._count = is_own, kill_at, 0
        self._folder, self._fsync, self._open = Path.cwd(), os.fsync, io.open
        os.fsync = self._flushed
        io.open = builtins.open = self._opened
        sys.addaudithook(self._heard)

    def end(self) -> None:
        """Count the step after the last one."""
        self._step(END)

    def _step(self, what: str) -> None:
        self._count += 1
        if self._count == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        os.write(self._log, f"{what}\n".encode())

    def _asked(self, what: str, path: Any, folder: Any = -1) -> None:
        if isinstance(path, int):  # a file that is open
            path = _name_of(path)
        elif isinstance(folder, int) and folder >= 0:
            path = _name_of(folder) / os.fsdecode(path)
        path = self._folder / os.fsdecode(path)
        if self._is_own(path):
            self._step(f"{what} {path.name}")

    def _heard(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            if args[0] is not None and not isinstance(args[0], int) and args[2] & _WRITES:
                self._asked(event, args[0])
        elif event in _CHANGES:
            paths = _CHANGES[event]
            self._asked(event, args[0], args[-1] if paths == 1 else -1)

    def _flushed(self, fd: Any) -> None:
        self._asked("fsync", fd)
        self._fsync(fd)

    def _opened(self, *args: Any, **keywords: Any) -> Any:
        file = self._open(*args, **keywords)
        named = isinstance(file.name, (str, bytes, os.PathLike))
        if named and file.writable() and self._is_own(path := self._folder / os.fsdecode(file.name)):
            write = file.write

            def in_halves(data: Any) -> int:
                half = len(data) // 2
                self._step(f"write {path.name}")
                done = write(data[:half])
                file.flush()
                self._step(f"write the rest of {path.name}")
                return int(done + write(data[half:]))

            file.write = in_halves
        return file


def _name_of(handle: int) -> Path:
    return Path(f"/proc/self/fd/{handle}").readlink()
