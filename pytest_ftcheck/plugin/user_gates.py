"""Gates in users' own tests: ``ft_gate`` and the marker ``ftcheck_floor``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.judging.user_gates import MARKER, UserGates
from pytest_ftcheck.plugin.report import notes_of
from pytest_ftcheck.plugin.session import markers_of, requested_by, session_of
from pytest_ftcheck.runs.run import Run
from pytest_ftcheck.sessions.variants import tasks_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_JUDGED = pytest.StashKey[set[str]]()
"""Names of the metrics that a test has judged."""


def make_gate(item: pytest.Item) -> Callable[..., None]:
    """Return the function that judges metrics in a test; see the fixture ``ft_gate``."""

    def gate(metrics: Mapping[str, float] | Run, floors: Mapping[str, Any] | None = None) -> None:
        gates = _gates(item, metrics)
        limits = gates.of_card() | gates.read_markers(markers_of(item, MARKER))
        limits |= {name: gates.read(name, value, f"ft_gate: {name}") for name, value in (floors or {}).items()}
        item.stash.setdefault(_JUDGED, set()).update(limits)
        gates.judge(limits, notes_of(item))

    return gate


def judge_marked(item: pytest.Item) -> None:
    """Judge the limits of a test's markers that the test did not judge itself, on the run that it took.

    Raises:
        CheckFailure: a limit does not hold.
        TaskError: the test has no run.

    """
    run = _run_of(item)
    gates = _gates(item, {} if run is None else run)
    judged = item.stash.get(_JUDGED, set[str]())
    marked = gates.read_markers(markers_of(item, MARKER))
    left = {name: limits for name, limits in marked.items() if name not in judged}
    if left and run is None:
        msg = (
            f"marker {MARKER} of {item.name} limits {', '.join(left)}, and nothing was judged: the test must take "
            "ft_run, or give its own metrics to ft_gate."
        )
        raise TaskError(msg)
    if left:
        gates.judge(left, notes_of(item))


def _gates(item: pytest.Item, metrics: Mapping[str, float] | Run) -> UserGates:
    """Make the gates of a test; without a run, the task is that of its marker, or the only one of the session."""
    session = session_of(item.config)
    tasks, wanted = tasks_of(session.settings), requested_by(item).get("task")
    task = str(wanted) if wanted else (tasks[0] if len(tasks) == 1 else None)
    return UserGates(session, item.name, metrics, run=_run_of(item), task=task)


def _run_of(item: pytest.Item) -> Run | None:
    """Return the run that a test took, where it is a `Run`."""
    run = getattr(item, "funcargs", {}).get("ft_run")
    return run if isinstance(run, Run) else None
