"""One line with the progress of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_ftcheck.training.recorder import Progress


def progress_line(progress: Progress) -> str:
    """Render epoch, step, loss, samples per second and time left."""
    minutes, seconds = divmod(round(progress.seconds_left), 60)
    return (
        f"{progress.title} · epoch {progress.epoch:.1f}/{progress.epochs:.3g} · step {progress.step}/{progress.steps}"
        f" · loss {progress.loss:.4f} · {progress.samples_per_second:.0f} samples/s · {minutes}:{seconds:02d} left"
    )
