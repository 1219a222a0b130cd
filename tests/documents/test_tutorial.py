"""The tutorial, command by command: from an empty folder to a red pull request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.documents.console import REPOSITORY, commands_of, run

if TYPE_CHECKING:
    from pathlib import Path

TUTORIAL = (REPOSITORY / "docs" / "tutorial.md").read_text(encoding="utf-8")
COMMANDS = commands_of(TUTORIAL)
INSTALLED = "pip install pytest-ftcheck"
"""The only command that is not run here: tests/test_packaging.py installs the wheel."""
CAUSE = re.compile(r"CAUSE: .*|\*\*Likely cause: `[^`]*`\*\*|  your code: .*|  run it again: .*")


def files() -> dict[str, str]:
    """The files that the reader writes, by name."""
    found = re.findall(r"`([\w.]+)`:\n\n```\w+\n(.*?)^```", TUTORIAL, re.MULTILINE | re.DOTALL)
    return dict(found)


def causes(text: str) -> list[str]:
    return [found[0] for line in text.splitlines() if (found := CAUSE.match(line))]


def test_the_tutorial_writes_three_files_and_is_red_once() -> None:
    assert set(files()) == {"make_data.py", "train.py", "faster.diff"}
    assert [command.status for command in COMMANDS].count(1) == 1
    assert INSTALLED in [command.line for command in COMMANDS]
    (red,) = [command for command in COMMANDS if command.status == 1]
    assert causes("\n".join(red.shown))[0].startswith("CAUSE: collator.mask: ")


@pytest.mark.slow
def test_every_command_does_what_the_tutorial_says(tmp_path: Path, programs: Path) -> None:
    folder = tmp_path
    for command in COMMANDS:
        if command.line.startswith("cd "):
            folder /= command.line.removeprefix("cd ")
            for name, text in files().items():
                (folder / name).write_text(text, encoding="utf-8")
        elif command.line != INSTALLED:
            done = run(command.line, folder, programs)
            assert done.returncode == command.status, f"{command.line}\n{done.stdout}{done.stderr}"
            assert causes("\n".join(command.shown)) == [
                cause for cause in causes(done.stdout) if causes("\n".join(command.shown))
            ]
