"""Run one session of pytest in a fork of this process, which may be killed or run out of disk at any step."""

from __future__ import annotations

import atexit
import gc
import os
import select
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.files import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

HUNG = -1
_PLUGINS = ("benchmark", "cacheprovider", "unraisableexception", "threadexception", "xdist", "rerunfailures", "anyio")
"""That no session here needs: some write into the project, some collect garbage for a second."""


@dataclass(frozen=True)
class Place:
    """Where a session runs, with everything that it may leave behind."""

    root: Path

    @property
    def project(self) -> Path:
        """Working folder, and pytest's root."""
        return self.root / "project"

    @property
    def temporary(self) -> Path:
        """The system's temporary folder, as the session sees it."""
        return self.root / "tmp"

    @property
    def steps(self) -> Path:
        """What the session has done to files, a line each."""
        return self.root / "steps.txt"

    def make(self) -> Place:
        """Make the folders."""
        for folder in (self.project, self.temporary):
            folder.mkdir(parents=True)
        return self


@dataclass(frozen=True)
class Ended:
    """How a session ended."""

    code: int
    """Of pytest; minus the number of a signal, which is also that of `HUNG`."""
    output: str
    seconds: float
    steps: list[str] = field(default_factory=list)


def run(
    arguments: Sequence[str],
    place: Place,
    *,
    inside: Callable[[Place], Callable[[], None]] = lambda _: lambda: None,
    kill_after: float | None = None,
    limit: float = 60,
) -> Ended:
    """Run a session.

    Args:
        arguments: of pytest.
        place: of the session.
        inside: called in the fork before the session; what it returns is called when the session has ended.
        kill_after: seconds until the session is killed.
        limit: seconds until it counts as hung.

    """
    place.steps.unlink(missing_ok=True)
    reading, writing = os.pipe()
    began, child = time.monotonic(), os.fork()
    if child == 0:
        os.close(reading)
        _become(arguments, place, inside, writing)
    os.close(writing)
    try:
        output, over = _read(reading, limit if kill_after is None else kill_after)
    finally:
        os.close(reading)
    if over:
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    code = HUNG if over and kill_after is None else os.waitstatus_to_exitcode(status)
    steps = place.steps.read_text(encoding="utf-8").splitlines() if place.steps.exists() else []
    return Ended(code, output, time.monotonic() - began, steps)


def _read(reading: int, seconds: float) -> tuple[str, bool]:
    """Return all that a session printed, and whether it went on for longer."""
    end = time.monotonic() + seconds
    parts: list[bytes] = []
    while (left := end - time.monotonic()) > 0:
        if not select.select([reading], [], [], left)[0]:
            continue
        part = os.read(reading, 65536)
        if not part:
            return b"".join(parts).decode(errors="replace"), False
        parts.append(part)
    return b"".join(parts).decode(errors="replace"), True


def _become(
    arguments: Sequence[str], place: Place, inside: Callable[[Place], Callable[[], None]], writing: int
) -> None:
    """Be the session, and end with it."""
    code = 99
    try:
        os.setsid()
        for stream in (1, 2):
            os.dup2(writing, stream)
        os.close(writing)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        # Those of this process belong to the pytest that runs it.
        sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", closefd=False)  # type: ignore[misc]  # noqa: SIM115 - a number
        sys.stderr = sys.__stderr__ = open(2, "w", encoding="utf-8", closefd=False)  # type: ignore[misc]  # noqa: SIM115 - as above
        for name in [name for name in os.environ if name.startswith("PYTEST_")]:
            del os.environ[name]
        os.environ |= {"HF_HUB_OFFLINE": "1", "TMPDIR": str(place.temporary), "COLUMNS": "160"}
        tempfile.tempdir = None
        scratch_folder.cache_clear()
        atexit._clear()  # what the parent has to do at its end, it does itself
        gc.disable()
        os.chdir(place.project)
        ended = inside(place)
        common = [part for name in _PLUGINS for part in ("-p", f"no:{name}")]
        common += [f"--rootdir={place.project}", f"--basetemp={place.root / 'pytest'}"]
        code = int(pytest.main([*common, *arguments]))
        atexit._run_exitfuncs()
        ended()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)
