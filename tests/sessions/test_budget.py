"""Which tests fit into a budget."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from pytest_ftcheck.sessions import budget as module
from pytest_ftcheck.sessions.budget import Budget


class Clock:
    """Counts seconds by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def case(cost: str, seed: int = 0, check: str = "model.finite") -> dict[str, Any]:
    return {"task": "mrpc", "check": check, "cost": cost, "engine": "trainer", "seed": seed}


def spend(budget: Budget, clock: Clock, cost: str, seconds: float, seed: int = 0) -> None:
    with budget.measured(case(cost, seed)):
        clock.now += seconds


def test_everything_fits_without_a_budget(clock: Clock) -> None:
    budget = Budget()
    spend(budget, clock, "run", 1e6)
    assert budget.reason(case("extra-training")) == ""


def test_nothing_fits_once_the_time_is_over(clock: Clock) -> None:
    budget = Budget(60)
    spend(budget, clock, "run", 61)
    assert {budget.reason(case(cost)) for cost in ("free", "forward", "run", "extra-training")} == {
        "left out: the budget of 60 s is spent"
    }


def test_the_first_run_starts_as_long_as_there_is_time(clock: Clock) -> None:
    budget = Budget(10)
    spend(budget, clock, "free", 9)
    assert budget.reason(case("run")) == ""


def test_another_run_needs_the_time_of_the_longest_run(clock: Clock) -> None:
    budget = Budget(60)
    spend(budget, clock, "run", 30)
    spend(budget, clock, "run", 1)  # of the same run: nothing is trained
    assert budget.reason(case("run")) == ""
    assert budget.reason(case("run", seed=1)) == "left out: the budget of 60 s has no time for another run"


def test_a_short_training_needs_the_time_of_a_run_until_one_was_measured(clock: Clock) -> None:
    budget = Budget(60)
    spend(budget, clock, "run", 20)
    assert budget.reason(case("extra-training")) == ""
    spend(budget, clock, "extra-training", 5)
    clock.now = 54
    assert budget.reason(case("extra-training")) == ""
    clock.now = 56
    assert budget.reason(case("extra-training")) == (
        "left out: the budget of 60 s has no time for another short training"
    )


def test_a_test_that_fails_is_measured_too(clock: Clock) -> None:
    budget = Budget(60)
    with suppress(ValueError), budget.measured(case("run")):
        clock.now += 40
        raise ValueError
    assert budget.reason(case("run", seed=1))
