"""Progress under pytest: one updated line in a terminal, plain lines in CI, nothing in a worker of pytest-xdist."""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from pytest_ftcheck.compat.of_pytest import current_line, is_worker, set_current_line
from pytest_ftcheck.report.progress import progress_line
from pytest_ftcheck.training.recorder import silent

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from pytest_ftcheck.training.recorder import Progress, ProgressListener

_LIVE_SECONDS = 0.2
_PLAIN_SECONDS = 30.0


class _Line:
    """Writes progress past pytest's capture, at a readable rate."""

    def __init__(self, reporter: pytest.TerminalReporter) -> None:
        self._writer = reporter._tw  # noqa: SLF001 - the terminal's own writer has no public name
        self._capture = reporter.config.pluginmanager.getplugin("capturemanager")
        self._live = reporter.isatty
        self._last = 0.0 if self._live else time.monotonic()
        self._shown = ""
        """The text of the updated line."""

    def __call__(self, progress: Progress) -> None:
        """Show the state, if it is time; without a terminal, always show the last step."""
        now = time.monotonic()
        due = now - self._last >= (_LIVE_SECONDS if self._live else _PLAIN_SECONDS)
        if self._live and due:
            text = progress_line(progress)[: self._writer.fullwidth - 1]
            self._write("\r" + text.ljust(len(self._shown)))
            self._shown = text
        elif due or (not self._live and progress.step == progress.steps):
            # On lines of its own: pytest has written a name or some dots, and writes a verdict next.
            begun = self._writer.width_of_current_line > 0
            self._write(("\n" if begun else "") + progress_line(progress) + "\n")
            set_current_line(self._writer, "")
        else:
            return
        self._last = now

    def close(self) -> None:
        """Restore the text that the updated line has covered."""
        if self._shown:
            covered = current_line(self._writer)
            self._write("\r" + " " * len(self._shown) + "\r" + covered)
            self._shown = ""

    def _write(self, text: str) -> None:
        """Write past the capture, without a change of the writer's count of characters in its line."""
        writer = self._writer
        counted = current_line(writer)
        with self._capture.global_and_fixture_disabled() if self._capture else nullcontext():
            writer.write(text, flush=True)
        set_current_line(writer, counted)


@contextmanager
def announced(config: pytest.Config, text: str) -> Iterator[None]:
    """Show a line on the terminal during a long step before pytest's first output."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None or not reporter.isatty:
        yield
        return
    reporter.write(text, flush=True)
    try:
        yield
    finally:
        reporter.rewrite("", erase=True)


@contextmanager
def shown(config: pytest.Config) -> Iterator[ProgressListener]:
    """Yield the function that shows a run's progress in this session; remove its line when the run ends or fails."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None or is_worker(config) or config.getoption("verbose") < 0:
        yield silent
        return
    line = _Line(reporter)
    try:
        yield line
    finally:
        line.close()
