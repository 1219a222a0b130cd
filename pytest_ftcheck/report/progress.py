"""One line with the progress of a run, or of the checks."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.training.recorder import Progress


def progress_line(progress: Progress) -> str:
    """Render epoch, step, loss, samples per second and time left."""
    return (
        f"{progress.title} · epoch {progress.epoch:.1f}/{progress.epochs:.3g} · step {progress.step}/{progress.steps}"
        f" · loss {progress.loss:.4f} · {progress.samples_per_second:.0f} samples/s"
        f" · {_minutes(progress.seconds_left)} left"
    )


def check_line(task: str, check: str, meaning: str, *, place: int, count: int, left: float | None) -> str:
    """Render the check that runs, and the time that the checks will take from its begin.

    Args:
        task: its task.
        check: its id.
        meaning: what must hold, in a sentence.
        place: among all tests of the suite, counted from 1.
        count: number of tests of the suite.
        left: seconds; None where they are unknown.

    """
    time = "" if left is None else f" · about {_minutes(left)} left"
    return f"{task} · check {place} of {count}{time} · {check}: {meaning}"


def seconds_left(finished: Sequence[tuple[str, float]], left: Sequence[str]) -> float | None:
    """Estimate how long tests will take, by the tests of the same cost that have finished.

    Args:
        finished: cost and seconds of each finished test.
        left: costs of the other tests.

    Returns:
        Seconds; None where no test of one of these costs has finished.

    """
    known = {cost: median(seconds for of, seconds in finished if of == cost) for cost, _ in finished}
    return None if set(left) - known.keys() else sum(known[cost] for cost in left)


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
