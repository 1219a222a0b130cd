"""Stop what a user's code does for too long: ``--ftcheck-timeout``."""

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
"""Only systems with signals of POSIX interrupt what runs."""


class TimedOut(BaseException):
    """The time is over. No `Exception`: code that goes on after any of those must stop, too."""


@contextmanager
def deadline(seconds: float | None) -> Iterator[None]:
    """Raise `TimedOut` in what runs inside, where it takes longer; in other threads than the main one, never.

    A timer that runs already, such as that of pytest-timeout, goes on afterwards.

    Args:
        seconds: that it may take; None for no limit.

    Raises:
        TimedOut: in Python code, or as soon as a call into a library returns.

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
