"""Chooses one of the places where a project builds a Trainer, or says why none can be chosen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ftcheck.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.init.find import Place
    from pytest_ftcheck.init.project import Project


def choose(project: Project, places: Sequence[Place], wanted: str) -> Place:
    """Return the place that was asked for, else the only factory, else the only place.

    Args:
        project: what was searched.
        places: all that was found.
        wanted: ``FILE`` or ``FILE:LINE``; empty for any.

    Raises:
        SettingsError: there is none, or there are several.

    """
    if not places:
        raise SettingsError(_none(project))
    found = [place for place in places if not wanted or _is_at(place, wanted)]
    if not found:
        msg = f"--place={wanted}: no Trainer is built there. Give one of:\n{_listed(places)}"
        raise SettingsError(msg)
    factories = [place for place in found if place.kind == "factory"]
    without = [place for place in factories if not place.needs]
    few = without or factories or found
    if len({(place.source.path, place.function) for place in few}) > 1 or (len(few) > 1 and few[0].kind != "factory"):
        msg = f"several places build a Trainer: choose one with --place=FILE:LINE.\n{_listed(few)}"
        raise SettingsError(msg)
    return few[0]


def _is_at(place: Place, wanted: str) -> bool:
    file, _, line = wanted.rpartition(":") if wanted.rpartition(":")[2].isdigit() else (wanted, "", "")
    return place.source.path == Path(file) and (not line or int(line) == place.call.lineno)


def _listed(places: Sequence[Place]) -> str:
    return "\n".join(f"  {place.describe()}" for place in places)


def _none(project: Project) -> str:
    count = len(project.sources)
    msg = (
        f"no Trainer found in {count} Python file{'' if count == 1 else 's'} of {project.root}. Searched: calls of the "
        "Trainers of transformers and trl, and of classes of this project that are derived from them; not in tests, "
        "hidden folders and virtual environments."
    )
    if project.unreadable:
        msg += f" Not readable as Python: {', '.join(path.as_posix() for path in project.unreadable[:5])}."
    if project.notebooks:
        names = [path.as_posix() for path in project.notebooks]
        return (
            f"{msg} Notebooks build one: {', '.join(names)}. Export it and run this command again: "
            f"jupyter nbconvert --to script {names[0]}"
        )
    return (
        f"{msg} If the training uses a Trainer, write a function that returns it. Else describe data and checkpoint in "
        "a table [tool.ftcheck.tasks.NAME], or use the fixtures in tests of your own."
    )
