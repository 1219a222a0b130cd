"""The commands of the fenced `console` blocks of a page, and the programs that they call."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]

_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"\s+#\s.*$")
_STATUS = re.compile(r"#\s+exit code (\d+)")


@dataclass
class Command:
    """What stands behind a prompt, without its comment, and what the page says that it prints."""

    line: str
    status: int = 0
    shown: list[str] = field(default_factory=list)


def commands_of(text: str) -> list[Command]:
    """Return the commands of a page. In a block without a prompt ``$``, each line is one."""
    return [command for block in _BLOCK.findall(text) for command in _of_block(block)]


def _of_block(block: str) -> list[Command]:
    lines = re.sub(r"\s*\\\n\s*", " ", block).splitlines()
    prompts = any(line.startswith("$ ") for line in lines)
    found: list[Command] = []
    for line in lines:
        if not line.strip():
            continue
        if prompts and not line.startswith("$ "):
            found[-1].shown.append(line)
            continue
        status = _STATUS.search(line)
        found.append(Command(_COMMENT.sub("", line.removeprefix("$ ")), int(status[1]) if status else 0))
    return found


def run(line: str, folder: Path, programs: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell that finds the programs first; no GPU, no CI, one thread."""
    outer = ("PYTEST_", "GITHUB_", "FTCHECK_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(outer)}
    return subprocess.run(  # noqa: S602 - the commands are those of our own pages
        line,
        cwd=folder,
        shell=True,
        env=environment
        | {f"GIT_{who}_{what}": "reader@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def write_programs(folder: Path) -> Path:
    """Write `pytest` and `python`, which are those that run this test, into a folder."""
    folder.mkdir()
    for name, arguments in (("pytest", "-m pytest"), ("python", "")):
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    return folder
