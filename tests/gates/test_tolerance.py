"""Tolerance bounds: the published factors, the rates that they promise, and the scales of metrics."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.gates.tolerance import Scale, drop_factor, tolerance_bound, tolerance_factor


@pytest.mark.parametrize(("seeds", "published"), [(5, 5.741), (10, 3.981), (20, 3.295), (50, 2.862)])
def test_factor_is_the_published_one_for_99_percent_at_confidence_95(seeds: int, published: float) -> None:
    # Odeh and Owen 1980, "Tables for normal tolerance limits".
    assert tolerance_factor(seeds, 0.01) == pytest.approx(published, abs=1e-3)


@pytest.mark.parametrize("runs", [1, 5])
@pytest.mark.parametrize("false_alarms", [0.01, 0.001])
def test_bound_keeps_its_rate_in_95_percent_of_calibrations_and_on_average(runs: int, false_alarms: float) -> None:
    generator = np.random.default_rng(0)
    seeds = generator.normal(size=(40_000, 10))
    bounds = seeds.mean(axis=1) - tolerance_factor(10, false_alarms, runs) * seeds.std(axis=1, ddof=1)
    rates = stats.norm.cdf(bounds * math.sqrt(runs))
    assert (rates > false_alarms).mean() <= 0.053
    assert rates.mean() <= false_alarms


@pytest.mark.parametrize("false_alarms", [0.01, 0.001])
def test_bound_on_a_drop_keeps_its_rate(false_alarms: float) -> None:
    spreads = np.random.default_rng(0).normal(size=(40_000, 10)).std(axis=1, ddof=1)
    rates = stats.norm.sf(drop_factor(10, false_alarms) * spreads)
    assert (rates > false_alarms).mean() <= 0.053
    assert rates.mean() <= false_alarms


def test_more_seeds_and_more_runs_bring_the_bound_closer() -> None:
    assert tolerance_factor(20, 0.01) < tolerance_factor(10, 0.01) < tolerance_factor(5, 0.01)
    assert tolerance_factor(10, 0.01, runs=5) < tolerance_factor(10, 0.01)
    assert tolerance_factor(10, 0.01) < tolerance_factor(10, 0.001)


@pytest.mark.parametrize(
    ("metric", "values"),
    [
        ("accuracy", [0.0, 0.3, 0.97, 1.0]),
        ("f1:macro", [0.5, 0.9]),
        ("matthews_correlation", [-1.0, 0.0, 0.8, 1.0]),
        ("loss", [0.01, 0.4, 7.0]),
        ("my_score", [-3.0, 0.0, 250.0]),
    ],
)
def test_scale_leads_back_to_the_metric(metric: str, values: list[float]) -> None:
    scale = Scale.of(metric)
    assert scale.backward(scale.forward(values)) == pytest.approx(np.array(values), abs=1e-9)


def test_scale_makes_shares_spread_alike_wherever_they_are() -> None:
    generator = np.random.default_rng(0)
    shares = [generator.binomial(400, share, 20_000) / 400 for share in (0.5, 0.95)]
    spreads = [Scale.of("accuracy").forward(share).std() for share in shares]
    assert shares[0].std() / shares[1].std() > 2
    assert spreads[0] / spreads[1] == pytest.approx(1, abs=0.05)


def test_loss_of_zero_stays_finite() -> None:
    assert np.isfinite(Scale.of("loss").forward([0.0])).all()


def test_bound_lies_the_factor_below_the_mean() -> None:
    values = np.array([0.50, 0.51, 0.52, 0.49, 0.48])
    # Around one half the arcsine is a straight line.
    expected = values.mean() - tolerance_factor(5, 0.01) * values.std(ddof=1)
    assert float(tolerance_bound("accuracy", values, 1000)) == pytest.approx(expected, abs=1e-3)


def test_floor_of_a_share_stays_one() -> None:
    assert float(tolerance_bound("accuracy", [0.2, 0.9, 0.5], 100)) == 0.0


def test_ceiling_lies_above_the_mean() -> None:
    values = [0.40, 0.42, 0.41, 0.43, 0.39]
    ceiling = float(tolerance_bound("loss", values, 1000, greater_is_better=False))
    assert 0.45 < ceiling < 0.55


def test_bounds_are_rounded_outwards() -> None:
    values = np.random.default_rng(0).normal(0.7, 0.01, (1000, 10))
    for metric in ("my_score", "accuracy"):
        scale = Scale.of(metric)
        scaled = scale.forward(values)
        exact = scale.backward(scaled.mean(axis=1) - tolerance_factor(10, 0.01) * scaled.std(axis=1, ddof=1))
        rounded = tolerance_bound(metric, values, 10**6)
        assert ((rounded <= exact + 1e-8) & (rounded > exact - 1.01e-4)).all()


def test_equal_seeds_leave_room_for_a_row_or_two() -> None:
    floor = float(tolerance_bound("accuracy", [0.9] * 10, 400))
    assert 0.9 - 3 / 400 < floor < 0.9 - 1 / 400
    assert 0.97 < float(tolerance_bound("accuracy", [1.0] * 10, 400)) < 1 - 1 / 400


def test_many_calibrations_are_bounded_at_once() -> None:
    values = np.random.default_rng(0).normal(0.8, 0.01, (2, 3, 10))
    bounds = tolerance_bound("accuracy", values, 500)
    assert bounds.shape == (2, 3)
    assert bounds[1, 2] == tolerance_bound("accuracy", values[1, 2], 500)


def test_two_seeds_are_too_few() -> None:
    with pytest.raises(SettingsError, match="at least 3 seeds, better 10: got 2"):
        tolerance_bound("accuracy", [0.9, 0.8], 100)
