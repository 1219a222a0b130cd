"""What takes too long is stopped, and timers of others go on."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from pytest_ftcheck.deadline import SUPPORTED, TimedOut, deadline

pytestmark = pytest.mark.skipif(not SUPPORTED, reason="timers of POSIX")


def forever() -> None:
    while True:
        try:
            time.sleep(0.01)
        except Exception:  # noqa: BLE001, S112 - as a user's code may go on
            continue


def within_another() -> None:
    with deadline(30):
        time.sleep(0.06)
    forever()


def test_what_takes_too_long_is_stopped() -> None:
    with pytest.raises(TimedOut, match=r"not done after 0\.05 s, the limit of --ftcheck-timeout"), deadline(0.05):
        forever()


def test_nothing_is_left_of_it() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with deadline(60):
        pass
    with pytest.raises(ZeroDivisionError), deadline(60):
        _ = 1 / 0
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_a_timer_that_runs_already_goes_on() -> None:
    with deadline(60):
        with deadline(30):
            pass
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 60
    with pytest.raises(TimedOut, match=r"after 0\.05 s"), deadline(0.05):
        within_another()


def test_other_threads_are_left_alone() -> None:
    done = []
    thread = threading.Thread(target=lambda: done.append(_within_a_thread()))
    thread.start()
    thread.join()
    assert done == [True]


def _within_a_thread() -> bool:
    with deadline(0.01):
        time.sleep(0.02)
    return True
