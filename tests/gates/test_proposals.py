"""From seeds to the limits of a card: one false-alarm rate for all of a session's gates."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_ftcheck.gates.calibration import Session, propose_limit
from pytest_ftcheck.gates.paired import drop_bound
from pytest_ftcheck.gates.proposals import CalibratedMetric, CardProposal, propose_gates
from pytest_ftcheck.gates.tolerance import SeedStatistics
from pytest_ftcheck.gates.trivial import Trivial

VALUES = [0.875, 0.88, 0.89, 0.9, 0.91]


def measured(
    metric: str = "accuracy", values: list[float] = VALUES, *, trivial: Trivial | None = None
) -> CalibratedMetric:
    greater = metric != "loss"
    return CalibratedMetric(metric, values, [False] * len(values), 400, greater_is_better=greater, trivial=trivial)


def proposed(*metrics: CalibratedMetric) -> list[CardProposal]:
    return propose_gates({"mrpc": list(metrics)})["mrpc"]


def test_the_rate_is_shared_by_limits_and_drops_of_all_tasks() -> None:
    found = propose_gates({"mrpc": [measured(), measured("f1")], "sst2": [measured()]})
    session = Session(gates=6)
    assert [entry.metric for entry in found["mrpc"]] == ["accuracy", "f1"]
    (alone,) = found["sst2"]
    assert alone.limit == propose_limit("accuracy", VALUES, rows=400, session=session)
    statistics = SeedStatistics(float(np.mean(VALUES)), float(np.std(VALUES, ddof=1)), 5)
    bound = drop_bound(statistics, 0.01 / 6)
    assert alone.max_drop is not None
    assert alone.max_drop == pytest.approx(bound, abs=1e-4)
    assert alone.max_drop >= bound


def test_a_drop_leaves_room_for_a_row_where_seeds_are_equal() -> None:
    (of_rows,) = proposed(measured(values=[0.9] * 5))
    assert of_rows.max_drop == 0.0025
    (of_loss,) = proposed(measured("loss", [0.3] * 5))
    assert of_loss.max_drop == 0.0


def test_a_limit_that_a_trivial_classifier_reaches_is_refused_and_what_would_help_is_said() -> None:
    (refused,) = proposed(measured(trivial=Trivial("always yes", "accuracy", 0.86, 0.83, 0.88)))
    assert (refused.limit.limit, refused.max_drop) == (None, None)
    (line,) = refused.describe()
    assert "'always yes' scores 0.8600" in line
    assert "20 seeds" in line
    assert "or more evaluation rows would help" in line


def test_a_healthy_recipe_rarely_crosses_either() -> None:
    """Rates of 2000 calibrations, each with one later pair of runs."""
    generator = np.random.default_rng(0)
    crossed = dropped = 0
    for _ in range(2000):
        *seeds, before, after = generator.normal(0.85, 0.01, 12)
        (entry,) = proposed(measured(values=seeds))
        assert entry.limit.limit is not None
        assert entry.max_drop is not None
        crossed += after < entry.limit.limit
        dropped += before - after > entry.max_drop
    assert crossed <= 10
    assert dropped <= 10


def test_what_was_measured_is_told() -> None:
    (entry,) = proposed(measured())
    limit, drop = entry.describe()
    assert limit.startswith("accuracy: 5 seeds of mean 0.8910")
    assert drop == (
        f"accuracy: a healthy run falls no more than {entry.max_drop:.4f} below another one of its recipe, "
        "at the same rate: max_drop"
    )
