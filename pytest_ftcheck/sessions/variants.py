"""Task, engine and seed of a test, from its markers and from the settings."""

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


def requested_by_markers(test: str, markers: Iterable[Marker]) -> dict[str, Any]:
    """Merge the keywords of a test's ``ftcheck`` markers.

    Args:
        test: name of the test.
        markers: positional arguments and keywords of each, the closest one first.

    Raises:
        TaskError: a marker is not written as ``ftcheck(task="mrpc", engine="manual", seed=0)``.

    """
    requested: dict[str, Any] = {}
    for args, kwargs in markers:
        wrong = [*map(repr, args), *sorted(set(kwargs) - _KINDS.keys())]
        wrong += [f"{name}={value!r}" for name, value in kwargs.items() if not _is_kind(name, value)]
        if wrong:
            msg = (
                f"marker ftcheck of {test} takes the keywords task and engine (strings) and seed (an integer), "
                f"not {', '.join(wrong)}. Write it as @pytest.mark.ftcheck(task='mrpc', engine='manual', seed=0)."
            )
            raise TaskError(msg)
        requested = {**kwargs, **requested}
    return requested


def _is_kind(name: str, value: object) -> bool:
    return isinstance(value, _KINDS.get(name, object))


def variant_for(test: str, requested: Mapping[str, Any], settings: Settings) -> Variant:
    """Return task, engine and seed of a test; values that its markers do not name come from the settings.

    Args:
        test: name of the test.
        requested: result of `requested_by_markers`.
        settings: settings of the session.

    Raises:
        TaskError: the test names no task, and the settings have none or several.

    """
    tasks = tasks_of(settings)
    if "task" not in requested and len(tasks) != 1:
        msg = (
            f"{test} names no task, and the session has {len(tasks)} tasks. "
            "Add @pytest.mark.ftcheck(task=…), or give one with --ftcheck-task."
        )
        raise TaskError(msg)
    return Variant(
        task=str(requested.get("task", tasks[0] if tasks else "")),
        engine=str(requested.get("engine", settings.engines[0])),
        seed=int(requested.get("seed", settings.seeds[0])),
    )


def variants_of(markers: Iterable[Marker], settings: Settings) -> tuple[list[tuple[str, int]], list[str]]:
    """Return the engines and seeds of a test, and their names in node ids.

    Args:
        markers: arguments and keywords of its ``ftcheck`` markers, the closest one first; their values are fixed.
        settings: settings of the session.

    """
    pinned: dict[str, Any] = {}
    for _, kwargs in markers:
        pinned = {**kwargs, **pinned}
    engines = [pinned["engine"]] if "engine" in pinned else settings.engines
    seeds = [pinned["seed"]] if "seed" in pinned else settings.seeds
    variants = [(engine, seed) for engine in engines for seed in seeds]
    return variants, [f"{engine}-seed{seed}" if len(seeds) > 1 else str(engine) for engine, seed in variants]


def tasks_of(settings: Settings) -> tuple[str, ...]:
    """Return the tasks that a test without a task may use."""
    return settings.tasks or tuple(settings.task_tables)
