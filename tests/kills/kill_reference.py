"""What a writer leaves when nothing goes wrong, and what is wrong with what it leaves otherwise."""

from __future__ import annotations

import hashlib
import importlib
import re
import shutil
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.kills import file_steps, kill_writers, killed_session
else:
    file_steps, kill_writers, killed_session = map(
        importlib.import_module, ("file_steps", "kill_writers", "killed_session")
    )

LOCK = re.compile(r"ftcheck-\d+-(file|baseline)-[0-9a-f]{2}\.lock")
"""A few locks stay in the temporary folder: whoever waits for one must find it."""


def inside(
    writer: kill_writers.Writer, place: killed_session.Place, *, kill_at: int | None = None, wrong: int = 10
) -> Callable[[], None]:
    """Prepare a fork."""
    writer.inside()
    kill_writers.WRONG["rows"] = wrong
    steps = file_steps.FileSteps(place.steps, writer.is_own(place), kill_at=kill_at)
    return steps.end


def contents(folder: Path) -> dict[str, str]:
    """Digests of all that lies in a folder, by path; of a folder, nothing."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in sorted(folder.rglob("*"))
    }


@dataclass(frozen=True)
class Reference:
    """What a writer does when it is not killed."""

    writer: kill_writers.Writer
    before: killed_session.Place
    after: killed_session.Place
    ended: killed_session.Ended

    def others(self, place: killed_session.Place) -> dict[str, str]:
        """Digests of what the writer must not touch."""
        project = place.project
        return {
            name: digest
            for name, digest in contents(project).items()
            if not self.writer.is_target(project / name, project) and not (project / name).name.startswith(".ftcheck-")
        }


def make_reference(writer: kill_writers.Writer, root: Path) -> Reference:
    """Make a project with what was written before, and a copy in which a session has ended well."""
    before = killed_session.Place(root / "before").make()
    (before.project / "ftcheck.toml").write_text(kill_writers.SETTINGS, encoding="utf-8")
    (before.project / "notes.md").write_text("of the user", encoding="utf-8")

    def run(arguments: tuple[str, ...], wrong: int = 10) -> None:
        ended = killed_session.run(arguments, before, inside=partial(inside, writer, wrong=wrong))
        assert ended.code == 0, ended.output

    writer.prepare(before, run)
    after = copy_of(before, root / "after")
    ended = killed_session.run(writer.arguments, after, inside=partial(inside, writer))
    assert ended.code == 0, ended.output
    assert ended.steps[-1] == file_steps.END
    return Reference(writer, before, after, ended)


def copy_of(place: killed_session.Place, root: Path) -> killed_session.Place:
    """Copy a project; its temporary folder is empty."""
    made = killed_session.Place(root).make()
    shutil.copytree(place.project, made.project, dirs_exist_ok=True)
    return made


def left(place: killed_session.Place) -> list[str]:
    """Name what a session leaves that is not the user's."""
    found = [name for name in contents(place.project) if ".ftcheck-" in name or ".side" in name or ".probe" in name]
    return found + [path.name for path in place.temporary.iterdir() if not LOCK.fullmatch(path.name)]


def wrong_after_a_kill(reference: Reference, place: killed_session.Place) -> list[str]:
    """Say what is wrong right after a kill."""
    wrong = []
    try:
        partial = reference.writer.partial(place.project, reference.before.project, reference.after.project)
        wrong += [partial] if partial else []
    except Exception as error:  # noqa: BLE001 - it is told
        wrong.append(f"partial: {error}")
    if reference.others(place) != reference.others(reference.before):
        wrong.append("a file of the user changed")
    return wrong


def wrong_at_the_end(reference: Reference, place: killed_session.Place, again: killed_session.Ended) -> list[str]:
    """Say in what a session differs from one before which nobody was killed."""
    wrong = []
    if again.code != reference.ended.code or "Traceback" in again.output or "INTERNALERROR" in again.output:
        wrong.append(f"the next session ends with {again.code}: {again.output}")
    there, expected = contents(place.project), contents(reference.after.project)
    if there.keys() != expected.keys():
        wrong.append(f"other files: {sorted(there.keys() ^ expected.keys())}")
    volatile = ("out.json", "run.json", "manifest.json")  # they tell seconds
    wrong += [
        f"another {name}"
        for name in there.keys() & expected.keys()
        if there[name] != expected[name] and not name.endswith(volatile)
    ]
    if left(place) != left(reference.after) or left(reference.after):
        wrong.append(f"it leaves {left(place)}, and one without a kill {left(reference.after)}")
    return wrong + wrong_after_a_kill(reference, place)
