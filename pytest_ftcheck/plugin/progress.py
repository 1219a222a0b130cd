"""Progress under pytest: one updated line in a terminal, plain lines in CI, nothing in a worker of pytest-xdist."""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from pytest_ftcheck.compat.of_pytest import current_line, is_worker, set_current_line, terminal_encoding
from pytest_ftcheck.report.progress import progress_line
from pytest_ftcheck.report.view import cut, encodable
from pytest_ftcheck.training.recorder import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ftcheck.training.recorder import Progress, ProgressListener

_LINE = pytest.StashKey["_Line"]()
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
        if self._is_due or (not self._live and progress.step == progress.steps):
            self._show(progress_line(progress))

    def checking(self, text: Callable[[], str], *, slow: bool) -> None:
        """Show the check that begins: in a terminal each one that may be slow, elsewhere if it is time."""
        if self._is_due or (self._live and slow):
            self._show(text())

    @property
    def _is_due(self) -> bool:
        return time.monotonic() - self._last >= (_LIVE_SECONDS if self._live else _PLAIN_SECONDS)

    def _show(self, text: str) -> None:
        text = encodable(text, terminal_encoding(self._writer))
        if self._live:
            text = cut(text, self._writer.fullwidth - 1)
            self._write("\r" + text + " " * max(0, cell_len(self._shown) - cell_len(text)))
            self._shown = text
        else:
            # On lines of its own: pytest has written a name or some dots, and writes a verdict next.
            begun = self._writer.width_of_current_line > 0
            self._write(("\n" if begun else "") + text + "\n")
            set_current_line(self._writer, "")
        self._last = time.monotonic()

    def close(self) -> None:
        """Restore the text that the updated line has covered."""
        if self._shown:
            covered = current_line(self._writer)
            self._write("\r" + " " * cell_len(self._shown) + "\r" + covered)
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
    line = _line_of(config)
    if line is None:
        yield silent
        return
    try:
        yield line
    finally:
        line.close()


@contextmanager
def checking(config: pytest.Config, text: Callable[[], str], *, slow: bool) -> Iterator[None]:
    """Show the check that runs; remove the line at its end.

    Args:
        config: of the session.
        text: returns the line; it is called only where it is shown.
        slow: the check may take seconds.

    """
    line = _line_of(config)
    if line is None:
        yield
        return
    line.checking(text, slow=slow)
    try:
        yield
    finally:
        line.close()


def _line_of(config: pytest.Config) -> _Line | None:
    """Return the line of this session; None where nothing is shown: with ``-q``, and in a worker of pytest-xdist."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None or is_worker(config) or config.getoption("verbose") < 0:
        return None
    if _LINE not in config.stash:
        config.stash[_LINE] = _Line(reporter)
    return config.stash[_LINE]
