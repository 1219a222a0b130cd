"""What two ways leave between them: the statistic, over made-up residuals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_ftcheck.checks.equivalence.residuals import Residuals, residuals, steps_needed

if TYPE_CHECKING:
    from numpy.typing import NDArray

LIMITS = {"tolerance": 1e-4, "margin": 2e-5}
TRIALS = 1500
STEPS = (16, 32, 64, 128)


def made_up(draw: np.random.Generator, noise: float, *, drift: float = 0.0, steps: int = 16) -> Residuals:
    """Losses of two ways and of three repetitions of the first one, each rounded for itself."""
    exact = draw.uniform(0.3, 1.2, steps)

    def rounded() -> NDArray[np.float64]:
        found: NDArray[np.float64] = exact * (1 + draw.normal(0, noise, steps))
        return found

    return residuals("loss", rounded(), rounded() * (1 + drift), [rounded() for _ in range(3)])


@pytest.mark.parametrize("noise", [0.0, 1e-7, 1e-4, 1e-3, 1e-2])
@pytest.mark.parametrize("steps", [16, 128])
def test_equal_ways_are_red_in_less_than_one_of_a_hundred_trials(noise: float, steps: int) -> None:
    draw = np.random.default_rng(steps)
    alarms = sum(made_up(draw, noise, steps=steps).judge(LIMITS) is not None for _ in range(TRIALS))
    assert alarms <= 0.002 * TRIALS  # two tests with 0.0003 each


@pytest.mark.parametrize("noise", [1e-7, 1e-5, 1e-4, 3e-4, 1e-3])
@pytest.mark.parametrize("drift", [1e-3, -1e-3])
def test_a_thousandth_is_found_in_95_of_a_hundred_trials(noise: float, drift: float) -> None:
    draw = np.random.default_rng(1)
    steps = steps_needed(noise, abs(drift), STEPS)
    found = sum(made_up(draw, noise, drift=drift, steps=steps).judge(LIMITS) is not None for _ in range(300))
    assert found >= 0.95 * 300


def test_what_can_be_found_is_said_truly() -> None:
    draw = np.random.default_rng(2)
    blind = made_up(draw, 0.01)
    drift = blind.detectable(LIMITS["margin"])
    assert drift > 5e-3
    found = sum(made_up(draw, 0.01, drift=1.3 * drift).judge(LIMITS) is not None for _ in range(300))
    assert found >= 0.95 * 300


def test_noise_that_is_heavy_in_its_tails_is_no_alarm() -> None:
    draw = np.random.default_rng(3)
    alarms = 0
    for _ in range(TRIALS):
        first, second, *null = 0.7 * (1 + 1e-3 * draw.standard_t(4, (5, 32)))
        alarms += residuals("loss", first, second, null).judge(LIMITS) is not None
    assert alarms <= 0.01 * TRIALS


def test_one_step_that_is_off_is_the_largest_difference() -> None:
    first = np.full(16, 0.7)
    second = first.copy()
    second[4] *= 1.01
    second[5] *= 0.99
    found = residuals("loss", first, second, [first]).judge(LIMITS)
    assert found == ("the same loss at each of 16 steps, within 0.01% of its mean", "+1% at number 5")


def test_a_drift_below_the_noise_of_a_step_is_in_the_mean() -> None:
    draw = np.random.default_rng(4)
    found = made_up(draw, 1e-3, drift=2e-3, steps=128).judge({**LIMITS, "tolerance": 0.1})
    assert found is not None
    expected, observed = found
    assert expected.startswith("the same loss on average, within 0.05")
    assert expected.endswith(" over 128 steps")
    assert 0.17 < float(observed.rstrip("%")) < 0.23


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_no_number_is_no_agreement(bad: float) -> None:
    first = [0.5, 0.6, 0.7]
    assert residuals("loss", first, [0.5, bad, 0.7], [first]).judge(LIMITS) is not None
    assert residuals("loss", first, first, [[0.5, bad, 0.7]]).judge(LIMITS) is not None


def test_values_that_are_all_0_are_compared() -> None:
    assert residuals("loss", [0.0] * 4, [0.0] * 4, []).judge(LIMITS) is None
    assert residuals("loss", [0.0] * 4, [1e-3] * 4, []).judge(LIMITS) is not None


def test_of_one_value_there_is_no_mean() -> None:
    one = residuals("loss", [0.7], [0.7000001], [[0.7]])
    assert one.judge(LIMITS) is None
    assert one.detectable(2e-5) == np.inf
    assert residuals("loss", [0.7], [0.71], [[0.7]]).judge(LIMITS) is not None


def test_as_many_steps_as_the_noise_asks_for() -> None:
    assert [steps_needed(noise, 1e-3, STEPS) for noise in (1e-7, 7e-4, 1e-3, 0.1)] == [16, 64, 128, 128]


def test_noise_is_that_of_the_way_that_was_repeated() -> None:
    base, null = [1.0, 1.0], [[1.0, 1.0]]
    assert residuals("loss", [2.0, 2.0], [2.0, 2.0], null, base=base).noise == 0.0
