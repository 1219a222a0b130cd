"""Run one session of pytest in a fork of this process, which has imported everything that a session needs."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MISUSE = frozenset({4})
RED = frozenset({1})
ANY = frozenset({0, 1, 4})
HUNG = -1
_FORBIDDEN = ("INTERNALERROR", "Traceback (most recent call last)", "/pytest_ftcheck/", "report it as a defect of ours")


@dataclass(frozen=True)
class Case:
    """One hostile input."""

    id: str
    arguments: tuple[str, ...]
    """Of pytest."""
    codes: frozenset[int] = MISUSE
    """Exit codes that are right."""
    prepare: Callable[[Path], object] = lambda _: None
    """Writes into the folder that the session runs in."""
    words: tuple[str, ...] = ()
    """What the message must say."""


@dataclass(frozen=True)
class Ended:
    """How a session ended."""

    code: int
    """Of pytest; minus the number of a signal; `HUNG`."""
    output: str
    seconds: float

    def wrong(self, case: Case) -> str:
        """Say what is wrong with it; an empty text where nothing is."""
        if self.code == HUNG:
            return "it hangs"
        found = [words for words in _FORBIDDEN if words in self.output]
        found += [f"no {words!r}" for words in case.words if words not in self.output]
        if self.code not in case.codes:
            found.append(f"exit code {self.code}, not {sorted(case.codes)}")
        if self.code in MISUSE and "ERROR: " not in self.output:
            found.append("no message")
        return "; ".join(found)


def run(case: Case, folder: Path, *, seconds: float = 60) -> Ended:
    """Run the session of a case.

    Args:
        case: to be prepared and run.
        folder: empty; it becomes the working folder and pytest's root.
        seconds: until it is killed.

    """
    case.prepare(folder)
    if not list(folder.glob("*.toml")):
        (folder / "ftcheck.toml").touch()
    output, began = folder.parent / f"{folder.name}.txt", time.monotonic()
    child = os.fork()
    if child == 0:
        _become(folder, output, case.arguments)
    while time.monotonic() - began < seconds:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            text = output.read_text(encoding="utf-8", errors="replace")
            return Ended(os.waitstatus_to_exitcode(status), text, time.monotonic() - began)
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return Ended(HUNG, output.read_text(encoding="utf-8", errors="replace"), seconds)


def _become(folder: Path, output: Path, arguments: tuple[str, ...]) -> None:
    """Be the session, and end with it."""
    code = 99
    try:
        os.setsid()
        handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(handle, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        # Those of this process belong to the pytest that runs it.
        sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - a number
        sys.stderr = sys.__stderr__ = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as above
        os.chdir(folder)
        for name in [name for name in os.environ if name.startswith("PYTEST_")]:
            del os.environ[name]
        os.environ["HF_HUB_OFFLINE"] = "1"
        common = (
            "-p",
            "no:cacheprovider",
            f"--rootdir={folder}",
            f"--basetemp={folder.parent / (folder.name + '-tmp')}",
        )
        code = int(pytest.main([*common, *arguments]))
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)
