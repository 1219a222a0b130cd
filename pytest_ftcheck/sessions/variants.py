"""What a test asks for: its task, engine and seed, from its markers and from the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import TaskError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_ftcheck.settings import Settings

    Marker = tuple[tuple[object, ...], Mapping[str, Any]]
    """Positional arguments and keywords of a marker."""


@dataclass(frozen=True)
class Variant:
    """A task, an engine and a seed."""

    task: str
    engine: str
    seed: int


_KINDS: dict[str, type] = {"task": str, "engine": str, "seed": int}


def asked_by_markers(test: str, markers: Iterable[Marker]) -> dict[str, Any]:
    """Merge the keywords of a test's ``ftcheck`` markers.

    Args:
        test: its name.
        markers: positional arguments and keywords of each, the closest one first.

    Raises:
        TaskError: a marker is not written as ``ftcheck(task="mrpc", engine="manual", seed=0)``.

    """
    asked: dict[str, Any] = {}
    for args, kwargs in markers:
        wrong = [*map(repr, args), *sorted(set(kwargs) - _KINDS.keys())]
        wrong += [f"{name}={value!r}" for name, value in kwargs.items() if not _is_kind(name, value)]
        if wrong:
            msg = (
                f"marker ftcheck of {test} takes the keywords task and engine (texts) and seed (a whole number), "
                f"not {', '.join(wrong)}. Write it as @pytest.mark.ftcheck(task='mrpc', engine='manual', seed=0)."
            )
            raise TaskError(msg)
        asked = {**kwargs, **asked}
    return asked


def _is_kind(name: str, value: object) -> bool:
    return isinstance(value, _KINDS.get(name, object))


def variant_for(test: str, asked: Mapping[str, Any], settings: Settings) -> Variant:
    """Return what a test asks for; what it leaves open, the settings say.

    Args:
        test: its name.
        asked: of `asked_by_markers`.
        settings: of the session.

    Raises:
        TaskError: no task, or more than one, to choose from.

    """
    tasks = tasks_of(settings)
    if "task" not in asked and len(tasks) != 1:
        msg = (
            f"which task? {test} names none, and there are {len(tasks)} to choose from. "
            "Add @pytest.mark.ftcheck(task=…), or give one with --ftcheck-task."
        )
        raise TaskError(msg)
    return Variant(
        task=str(asked.get("task", tasks[0] if tasks else "")),
        engine=str(asked.get("engine", settings.engines[0])),
        seed=int(asked.get("seed", settings.seeds[0])),
    )


def variants_of(markers: Iterable[Marker], settings: Settings) -> tuple[list[tuple[str, int]], list[str]]:
    """Return the engines and seeds that a test runs with, and how its node ids name them.

    Args:
        markers: arguments and keywords of its ``ftcheck`` markers, the closest one first: what they name is not varied.
        settings: of the session.

    """
    pinned: dict[str, Any] = {}
    for _, kwargs in markers:
        pinned = {**kwargs, **pinned}
    engines = [pinned["engine"]] if "engine" in pinned else settings.engines
    seeds = [pinned["seed"]] if "seed" in pinned else settings.seeds
    variants = [(engine, seed) for engine in engines for seed in seeds]
    return variants, [f"{engine}-seed{seed}" if len(seeds) > 1 else str(engine) for engine, seed in variants]


def tasks_of(settings: Settings) -> tuple[str, ...]:
    """Return the tasks that a test may mean which names none."""
    return settings.tasks or tuple(settings.task_tables)
