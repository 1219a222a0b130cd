"""Limits from seeds: what is proposed, what is refused, and what would help."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.gates.calibration import Session, propose_limit
from pytest_ftcheck.gates.tolerance import tolerance_bound
from pytest_ftcheck.heads.trivial import Trivial

SEEDS = [0.862, 0.871, 0.858, 0.866, 0.860, 0.869, 0.864, 0.857, 0.868, 0.863]


def test_limit_is_the_tolerance_bound_of_the_seeds() -> None:
    proposal = propose_limit("accuracy", SEEDS, rows=408)
    assert proposal.limit == float(tolerance_bound("accuracy", SEEDS, 408))
    assert proposal.calibrated.mean == pytest.approx(np.mean(SEEDS))
    assert proposal.calibrated.std == pytest.approx(np.std(SEEDS, ddof=1))
    assert (proposal.calibrated.seeds, proposal.calibrated.failed, proposal.worst) == (10, 0, 0.857)
    assert (proposal.refused, proposal.notes) == ("", ())
    expected = proposal.calibrated.mean - proposal.limit + 0.8416 * proposal.calibrated.std
    assert proposal.smallest_drop == pytest.approx(expected, abs=1e-5)


def test_rate_is_split_over_gates_and_seeds() -> None:
    alone = propose_limit("accuracy", SEEDS, rows=408)
    shared = propose_limit("accuracy", SEEDS, rows=408, session=Session(gates=4, seeds=3))
    assert shared.session.false_alarms_of_gate == pytest.approx(0.01 / 12)
    assert shared.limit == float(tolerance_bound("accuracy", SEEDS, 408, false_alarms=0.01 / 12))
    assert alone.limit is not None
    assert shared.limit is not None
    assert shared.limit < alone.limit


def test_mean_of_several_seeds_gets_a_closer_limit() -> None:
    session = Session(seeds=5, judged="mean")
    proposal = propose_limit("accuracy", SEEDS, rows=408, session=session)
    assert session.false_alarms_of_gate == 0.01
    assert proposal.limit == float(tolerance_bound("accuracy", SEEDS, 408, runs=5))
    alone = propose_limit("accuracy", SEEDS, rows=408)
    assert proposal.smallest_drop < alone.smallest_drop


def test_ceiling_lies_above_the_worst_seed() -> None:
    proposal = propose_limit("loss", [0.40, 0.41, 0.42, 0.43], rows=408, greater_is_better=False)
    assert proposal.worst == 0.43
    assert proposal.limit is not None
    assert proposal.limit > 0.43


def test_failed_seeds_are_counted_and_move_no_limit() -> None:
    with_failed = propose_limit("accuracy", [*SEEDS, 0.684, math.nan], rows=408, failed=[False] * 10 + [True, False])
    assert with_failed.limit == propose_limit("accuracy", SEEDS, rows=408).limit
    assert (with_failed.calibrated.seeds, with_failed.calibrated.failed) == (10, 2)
    assert "2 of 12 seeds failed and are left out" in with_failed.notes[0]


def test_recipe_that_mostly_fails_gets_no_limit() -> None:
    proposal = propose_limit("accuracy", [0.9, 0.91, math.nan, math.nan], rows=408)
    assert proposal.limit is None
    assert proposal.refused.startswith("2 of 4 seeds failed.")
    assert "no limit proposed" in proposal.describe()


def test_limit_that_a_trivial_classifier_reaches_is_refused_for_a_model_that_learned_nothing() -> None:
    trivial = Trivial("always equivalent", "accuracy", 0.684, 0.637, 0.727)
    proposal = propose_limit("accuracy", [0.69, 0.68, 0.70, 0.69], rows=408, trivial=trivial)
    assert proposal.limit is None
    assert "'always equivalent' scores 0.6840" in proposal.refused
    assert "reach only 0.6900 on average: more steps, or a better checkpoint" in proposal.refused
    assert math.isnan(proposal.smallest_drop)


def test_limit_that_a_trivial_classifier_reaches_is_refused_for_seeds_that_spread_too_far() -> None:
    trivial = Trivial("always equivalent", "accuracy", 0.684, 0.637, 0.727)
    proposal = propose_limit("accuracy", [0.86, 0.80, 0.90, 0.78], rows=408, trivial=trivial)
    assert proposal.limit is None
    assert "The mean is 0.8350, but the standard deviation over seeds is 0.0551: more steps" in proposal.refused
    assert "20 seeds (the limit is then 3.3 standard deviations from the mean, not 7.0)" in proposal.refused
    assert "more evaluation rows would help" in proposal.refused


def test_limit_above_the_trivial_classifier_stands() -> None:
    trivial = Trivial("always equivalent", "accuracy", 0.684, 0.637, 0.727)
    assert propose_limit("accuracy", SEEDS, rows=408, trivial=trivial).limit is not None


def test_seed_that_lies_apart_is_named() -> None:
    (note,) = propose_limit("pearson", [*SEEDS, 0.78], rows=1500).notes
    assert note.startswith("the worst seed, 0.7800, is an outlier")


def test_seed_that_misses_one_row_more_does_not_lie_apart() -> None:
    assert propose_limit("accuracy", [0.9] * 9 + [0.8975], rows=400).notes == ()


def test_normal_seeds_seldom_lie_apart() -> None:
    generator = np.random.default_rng(0)
    noted = sum(
        bool(propose_limit("my_score", generator.normal(5, 1, 10).tolist(), rows=10**6).notes) for _ in range(500)
    )
    assert noted <= 12  # 1% each


def test_description_says_how_the_limit_came_about() -> None:
    text = propose_limit("accuracy", SEEDS, rows=408, session=Session(gates=2)).describe()
    assert text.startswith(
        "accuracy: 10 seeds of mean 0.8638, standard deviation 0.0047, worst 0.8570. A healthy model"
    )
    assert "stays at or above 0.84" in text
    assert "99.0% of the sessions (gates: 2; judged: 1 seed(s), each; holds for 95% of such calibrations)" in text


def test_too_few_values_are_refused() -> None:
    with pytest.raises(SettingsError, match="at least 3 seeds, failed or not: got 2 values"):
        propose_limit("accuracy", [0.9, 0.8], rows=408)
    with pytest.raises(SettingsError, match="got 3 values and 1 verdicts"):
        propose_limit("accuracy", [0.9, 0.8, 0.9], rows=408, failed=[True])
