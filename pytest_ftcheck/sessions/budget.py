"""The time budget of a session: which tests still fit, by the durations of the tests before."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LEFT_OUT = "left out: "
"""Start of the skip reason of a test that did not fit."""
_KINDS: Mapping[str, str] = {"run": "run", "extra-training": "short training"}
"""Costs of checks that take seconds or more, as messages name them; checks of the parts take milliseconds."""


class Budget:
    """Decides before each test of the suite whether it fits into the time that is left.

    Checks of the parts run as long as there is time. The expected duration of a run, and of a short training of a
    check, comes from the tests before; the first run has no such duration, and starts as long as there is time. A run
    that has started is not stopped: that is ``--ftcheck-timeout``.

    Args:
        seconds: the budget, from now on; None: no limit.

    """

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = seconds
        self._started = time.monotonic()
        self._durations: dict[str, list[float]] = defaultdict(list)
        """Durations of tests in seconds, by cost; of the tests of one run the first, which makes the run."""
        self._made: set[tuple[object, ...]] = set()
        """Task, engine and seed of the runs that were made."""

    def reason(self, case: Mapping[str, Any]) -> str:
        """Return why a test is left out; an empty string where it fits.

        Args:
            case: task, check, cost, engine and seed from `pytest_ftcheck.judging.checks.Case.note`.

        """
        if self._seconds is None:
            return ""
        left = self._seconds - (time.monotonic() - self._started)
        if left <= 0:
            return f"{LEFT_OUT}the budget of {self._seconds:g} s is spent"
        if self._expected(case) > left:
            return f"{LEFT_OUT}the budget of {self._seconds:g} s has no time for another {_KINDS[case['cost']]}"
        return ""

    @contextmanager
    def measured(self, case: Mapping[str, Any]) -> Iterator[None]:
        """Measure the test that runs in this context."""
        begun = time.monotonic()
        try:
            yield
        finally:
            run = _run_of(case)
            if case["cost"] != "run" or run not in self._made:
                self._durations[case["cost"]].append(time.monotonic() - begun)
            if case["cost"] == "run":
                self._made.add(run)

    def _expected(self, case: Mapping[str, Any]) -> float:
        """Return the expected duration of a test, in seconds."""
        runs = self._durations["run"]
        if case["cost"] not in _KINDS or not runs:
            return 0.0
        if case["cost"] == "run":
            return 0.0 if _run_of(case) in self._made else max(runs)
        # The first short training is expected to take at most as long as a whole run.
        return statistics.median(self._durations["extra-training"] or [max(runs)])


def _run_of(case: Mapping[str, Any]) -> tuple[object, ...]:
    return case["task"], case["engine"], case["seed"]
