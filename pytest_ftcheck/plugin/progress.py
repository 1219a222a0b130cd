"""Live progress under pytest: one line that moves, plain lines in CI, nothing in a worker of pytest-xdist."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.plugin.session import is_worker
from pytest_ftcheck.report.progress import progress_line

if TYPE_CHECKING:
    import pytest

    from pytest_ftcheck.training.recorder import Progress, ProgressListener

_LIVE_SECONDS = 0.2
_PLAIN_SECONDS = 15.0


class _Line:
    """Writes progress past pytest's capture, no more often than a reader can follow."""

    def __init__(self, config: pytest.Config) -> None:
        reporter = config.pluginmanager.getplugin("terminalreporter")
        self._writer: Any = reporter._tw if reporter else None  # noqa: SLF001 - the terminal's own writer has no public name
        self._capture = config.pluginmanager.getplugin("capturemanager")
        self._live = bool(reporter and reporter.isatty)
        self._last = 0.0
        self._width = 0

    def __call__(self, progress: Progress) -> None:
        """Show the state, if it is time; the last step clears the moving line."""
        last = progress.step == progress.steps
        now = time.monotonic()
        if self._writer is None or not self._due(now, last=last):
            return
        self._last = now
        text = progress_line(progress)
        if self._live:
            text = "" if last else text[: self._writer.fullwidth - 1]
            self._write("\r" + text.ljust(self._width) + ("\r" if last else ""))
            self._width = len(text)
        else:
            self._write(f"\n{text}")

    def _due(self, now: float, *, last: bool) -> bool:
        return last or now - self._last >= (_LIVE_SECONDS if self._live else _PLAIN_SECONDS)

    def _write(self, text: str) -> None:
        if self._capture is None:
            self._writer.write(text, flush=True)
            return
        with self._capture.global_and_fixture_disabled():
            self._writer.write(text, flush=True)


def listener_for(config: pytest.Config) -> ProgressListener:
    """Return what shows a run's progress in this session."""
    from pytest_ftcheck.training.recorder import silent  # noqa: PLC0415 - imports torch for its types alone

    return silent if is_worker(config) or config.getoption("verbose") < 0 else _Line(config)
