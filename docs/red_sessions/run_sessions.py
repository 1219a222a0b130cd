"""Red sessions: healthy projects, each with one fault of a user, run as a user runs them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

REPOSITORY = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("sessions.toml")


@dataclass(frozen=True)
class RedSession:
    """A project, and the change that makes its session red."""

    title: str
    text: str
    project: str
    old: str
    new: str
    command: str
    file: str = "train.py"
    card: str = ""
    before: Sequence[str] = ()
    after: Sequence[str] = ()

    def changed(self) -> str:
        """Return the file with the fault."""
        healthy = self._healthy()
        if healthy.count(self.old) != 1:
            msg = f"{self.project}/{self.file}: expected {self.old!r} once, observed {healthy.count(self.old)} times"
            raise ValueError(msg)
        return healthy.replace(self.old, self.new)

    def diff(self) -> list[str]:
        """Return the lines that change, as a diff without its header."""
        return list(unified_diff(self._healthy().splitlines(), self.changed().splitlines(), n=0, lineterm=""))[3:]

    def _healthy(self) -> str:
        return (REPOSITORY / self.project / self.file).read_text(encoding="utf-8")


@dataclass(frozen=True)
class Ran:
    """What a session left: its terminal output, its Markdown and its JSON document."""

    status: int
    output: str
    markdown: str
    document: dict[str, Any]

    def causes(self) -> list[str]:
        """Return the checks that are named as causes, the likeliest first."""
        return [cause["finding"]["check"] for cause in self.document["causes"]]


def red_sessions() -> list[RedSession]:
    """Read the table."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))["session"]
    return [RedSession(**entry) for entry in table]


def run_red(session: RedSession, folder: Path, *more: str) -> Ran:
    """Copy the project into an empty folder, run what comes before, plant the fault, and run the session."""
    shutil.copytree(REPOSITORY / session.project, folder, dirs_exist_ok=True)
    if session.card:
        (folder / "pyproject.toml").write_text(session.card.lstrip(), encoding="utf-8")
    for command in session.before:
        _run_green(command, folder)
    (folder / session.file).write_text(session.changed(), encoding="utf-8")
    for command in session.after:
        _run_green(command, folder)
    done = run(session.command, folder, "--ftcheck-md=red.md", "--ftcheck-json=red.json", *more)
    return Ran(
        done.returncode,
        done.stdout,
        (folder / "red.md").read_text(encoding="utf-8"),
        json.loads((folder / "red.json").read_text(encoding="utf-8")),
    )


def _run_green(command: str, folder: Path) -> None:
    done = run(command, folder)
    if done.returncode:
        msg = f"{command}: expected exit code 0, observed {done.returncode}\n{done.stdout}{done.stderr}"
        raise RuntimeError(msg)


def run(command: str, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run `pytest …` or `python …` as a user's shell does, with this Python; one thread, as on a small runner."""
    program, *words = shlex.split(command)
    ours = ("CI", "BUILD_NUMBER", "GITHUB_", "PYTEST_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(  # noqa: S603 - this interpreter, with the commands of sessions.toml
        [sys.executable, *(["-m", "pytest"] if program == "pytest" else []), *words, *more],
        cwd=folder,
        env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def run_healthy(project: str, command: str, folder: Path) -> int:
    """Run a session over the project as it is; return its exit code."""
    shutil.copytree(REPOSITORY / project, folder, dirs_exist_ok=True)
    return run(command, folder).returncode
