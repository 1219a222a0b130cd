"""Stops user code that takes too long: ``--ftcheck-timeout``."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

SUPPORTED = hasattr(signal, "setitimer")
"""True on systems with POSIX timers, which can interrupt code."""


class TimedOut(BaseException):
    """The time limit is exceeded. Not an `Exception`, so that code which catches every `Exception` stops, too."""


@contextmanager
def deadline(seconds: float | None) -> Iterator[None]:
    """Raise `TimedOut` in the code of this context if it takes longer; no effect outside of the main thread.

    A timer that runs already, such as that of pytest-timeout, continues afterwards.

    Args:
        seconds: time limit; None for no limit.

    Raises:
        TimedOut: in Python code, or when a call into a library returns.

    """
    if seconds is None or not SUPPORTED or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_: int, __: FrameType | None) -> None:
        msg = f"not done after {seconds:g} s, the limit of --ftcheck-timeout"
        raise TimedOut(msg)

    before, began = signal.signal(signal.SIGALRM, stop), time.monotonic()
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - began), 0.001))
