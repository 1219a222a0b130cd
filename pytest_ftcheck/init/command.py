"""What ``python -m pytest_ftcheck init`` does, in its order."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.files import what_to_do, write_whole
from pytest_ftcheck.init.choose import choose
from pytest_ftcheck.init.ci import make_workflow
from pytest_ftcheck.init.config import config_path, tables_of, task_name, task_of, text_columns, with_table
from pytest_ftcheck.init.configured import FactoryFile, make_factory, reads_arguments
from pytest_ftcheck.init.edit import make_edit
from pytest_ftcheck.init.find import find_places
from pytest_ftcheck.init.project import FACTORY_FILE, read_project
from pytest_ftcheck.init.segments import NotSafeError
from pytest_ftcheck.paths import kind_of
from pytest_ftcheck.printable import printable

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ftcheck.init.find import Place
    from pytest_ftcheck.init.project import Project

_CHEAP_CHECKS = "--ftcheck-checks=data,collator"


@dataclass(frozen=True)
class InitOptions:
    """The command line."""

    root: Path
    place: str = ""
    """``FILE`` or ``FILE:LINE`` of the Trainer; empty: there is one."""
    task: str = ""
    """Name of the task; empty: that of the folder."""
    apply: bool = False
    """Apply the edit of a script."""
    write: bool = True
    run: bool = True


def init(options: InitOptions) -> None:
    """Find the Trainer, make a factory, write the configuration, and run the cheap checks.

    Raises:
        SettingsError: no Trainer, several, or a file cannot be read or written; nothing was written for that file.

    """
    if kind_of(options.root) != "folder":
        msg = f"{options.root} is not a folder: give the root folder of the project."
        raise SettingsError(msg)
    project = read_project(options.root)
    place = choose(project, find_places(project), options.place)
    _print(f"Trainer: {place.describe()}")
    trainer = _factory(options, project, place)
    if not trainer:
        return
    task = _configure(options, place, trainer)
    workflow = make_workflow(options.root, task)
    if (options.root / workflow.path).exists():
        _print(f"{workflow.path} is there already; it stays as it is.")
    else:
        _write(options, workflow.path.as_posix(), workflow.text)
        _print(workflow.todo)
    if options.run and options.write:
        _run(options.root, task)
    _print(_next_steps(options.root, task))


def _print(text: str) -> None:
    if text:
        sys.stdout.write(f"{printable(text)}\n")
        sys.stdout.flush()  # before what the checks print


def _factory(options: InitOptions, project: Project, place: Place) -> str:
    """Return the factory as a card names it, or an empty string where the user has to do something first."""
    name, source = place.function.name if place.function else "", place.source
    if place.kind != "factory":
        try:
            edit = make_edit(place)
        except NotSafeError as error:
            msg = (
                f"{source.path.as_posix()}:{place.call.lineno}: no edit is proposed, because {error}. Then run this "
                "command again."
            )
            raise SettingsError(msg) from error
        _print(
            f"This edit makes a function that returns the untrained Trainer; the script does the same:\n\n{edit.diff}"
        )
        if not options.apply:
            again = f" --place={options.place}" if options.place else ""
            _print(f"Nothing was written. Apply it: python -m pytest_ftcheck init --apply{again}")
            return ""
        name = edit.factory
        if options.write:
            before = (options.root / source.path).read_bytes()
            text = edit.text.replace("\n", "\r\n") if b"\r\n" in before else edit.text
            mark = b"\xef\xbb\xbf" if before.startswith(b"\xef\xbb\xbf") else b""
            _put(options.root / source.path, mark + text.encode())
            _print(f"{source.path.as_posix()}: edited.")
    written = options.root / FACTORY_FILE
    in_use = written.is_file() and f" import {name}\n" in written.read_text(encoding="utf-8", errors="replace")
    if not (place.needs or in_use or reads_arguments(project, source, place.function)):
        return f"{source.path.as_posix()}:{name}"
    function = place.function if place.needs else None  # without: only the arguments of the script are set
    return _configured_factory(options, make_factory(project, source, function, name))


def _configured_factory(options: InitOptions, made: FactoryFile) -> str:
    if (options.root / FACTORY_FILE).exists():
        _print(f"{FACTORY_FILE} is there already; it stays as it is.")
        there = (options.root / FACTORY_FILE).read_text(encoding="utf-8", errors="replace")
        made = FactoryFile.of(there)
    else:
        _write(options, FACTORY_FILE, made.text)
    for number, line in made.open_lines:
        _print(f"{FACTORY_FILE}:{number}: {line}")
    if made.open_lines:
        _print("Fill in these lines, then run this command again.")
        return ""
    return made.spec


def _configure(options: InitOptions, place: Place, trainer: str) -> str:
    """Write the table of the task, unless there is one for this Trainer; return its name."""
    path = config_path(options.root)
    there = task_of(options.root, trainer)
    if there:
        _print(f"{path.name} has [tool.ftcheck.tasks.{there}] with this Trainer already; it stays as it is.")
        return there
    task = options.task or task_name(options.root)
    if task in tables_of(options.root):
        msg = f"{path}: [tool.ftcheck.tasks.{task}] is there already, with other keys; it stays. Give --task=NAME."
        raise SettingsError(msg)
    text = with_table(path, task, trainer, text_columns(place.source))
    before = path.read_bytes().decode() if path.exists() else ""
    _write(options, path.name, text, shown=text.removeprefix(before).strip())
    return task


def _write(options: InitOptions, name: str, text: str, shown: str = "") -> None:
    if not options.write:
        _print(f"Would write {name}:\n\n{shown or text}")
        return
    path = options.root / name
    known = path.exists()
    _put(path, text.encode())
    _print(f"{name}: {'a table was added' if known else 'written'}.")


def _put(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        todo = what_to_do(error, "Make its folder writable")
        msg = f"{path} cannot be written: {error.strerror or error}. {todo}, and run this command again."
        raise SettingsError(msg) from error


def _run(root: Path, task: str) -> None:
    command = ["pytest", f"--ftcheck-task={task}", _CHEAP_CHECKS]
    _print(f"\n$ {' '.join(command)}")
    code = subprocess.run([sys.executable, "-m", *command], cwd=root, check=False).returncode  # noqa: S603 - Python
    if code:
        _print(f"\nThe checks of data and collator ended with exit code {code}: see above.")


def _next_steps(root: Path, task: str) -> str:
    session, file = f"pytest --ftcheck-task={task}", config_path(root).name
    steps = (
        ("fine-tune, and run all checks: the first verdict", session),
        (f"write limits into {file}, from ten seeds", f"{session} --ftcheck-calibrate=10 --ftcheck-write-floors"),
        ("accept a run: later ones are compared", f'{session} --ftcheck-update-baseline --ftcheck-reason="first"'),
    )
    lines = "".join(f"  # {what}\n  {command}\n" for what, command in steps)
    return f"\nNext:\n{lines}Then commit the files that were written."
