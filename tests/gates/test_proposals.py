"""From seeds to the limits of a card: one false-alarm rate for all of a session's gates."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_ftcheck.gates.calibration import Session, propose_limit
from pytest_ftcheck.gates.paired import drop_bound
from pytest_ftcheck.gates.proposals import CalibratedMetric, CalibratedSlice, CardProposal, propose_gates
from pytest_ftcheck.gates.tolerance import SeedStatistics
from pytest_ftcheck.heads.trivial import Trivial

VALUES = [0.875, 0.88, 0.89, 0.9, 0.91]


def measured(
    metric: str = "accuracy",
    values: list[float] = VALUES,
    *slices: CalibratedSlice,
    trivial: Trivial | None = None,
    failed: int = 0,
) -> CalibratedMetric:
    greater = metric != "loss"
    bad = [index < failed for index in range(len(values))]
    return CalibratedMetric(metric, values, bad, 400, greater_is_better=greater, trivial=trivial, slices=slices)


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


def test_the_mean_of_several_seeds_has_a_limit_of_its_own() -> None:
    (each,) = proposed(measured())
    (mean,) = propose_gates({"mrpc": [measured()]}, runs=5)["mrpc"]
    assert mean.limit.session == Session(gates=3, seeds=5, judged="mean")  # drop, mean and failed runs
    assert mean.limit == propose_limit("accuracy", VALUES, rows=400, session=mean.limit.session)
    assert each.limit.limit is not None
    assert mean.limit.limit is not None
    assert each.limit.limit < mean.limit.limit < np.mean(VALUES)
    assert "judged: the mean of 5 seeds" in mean.describe()[0]


def test_a_healthy_mean_rarely_crosses_its_limit() -> None:
    generator, crossed = np.random.default_rng(0), 0
    for _ in range(500):
        seeds = generator.normal(0.85, 0.01, 15)
        (entry,) = propose_gates({"mrpc": [measured(values=list(seeds[:10]))]}, runs=5)["mrpc"]
        assert entry.limit.limit is not None
        crossed += seeds[10:].mean() < entry.limit.limit
    assert crossed <= 3


def test_a_refused_mean_is_not_told_to_take_several_seeds() -> None:
    trivial = Trivial("always yes", "accuracy", 0.86, 0.83, 0.88)
    (each,) = proposed(measured(trivial=trivial))
    (mean,) = propose_gates({"mrpc": [measured(trivial=trivial)]}, runs=2)["mrpc"]
    assert "gating the mean of several seeds (--ftcheck-calibrate-runs)" in each.limit.refused
    assert mean.limit.refused
    assert "--ftcheck-calibrate-runs" not in mean.limit.refused


def test_each_slice_is_one_gate_more() -> None:
    parts = [CalibratedSlice(name, [value - 0.1 for value in VALUES], 100) for name in ("class=no", "class=yes")]
    (entry,) = proposed(measured("accuracy", VALUES, *parts))
    assert entry.limit.session == Session(gates=4)
    assert [part.name for part in entry.slices] == ["class=no", "class=yes"]
    assert entry.slices[0].limit == propose_limit("accuracy", parts[0].values, rows=100, session=Session(gates=4))
    assert entry.slices[0].rows == 100
    assert [line.partition(":")[0] for line in entry.describe()] == [
        "accuracy",
        "accuracy",
        "accuracy, class=no",
        "accuracy, class=yes",
    ]
    (mean,) = propose_gates({"mrpc": [measured("accuracy", VALUES, *parts)]}, runs=5)["mrpc"]
    assert mean.limit.session.gates == 7


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (CalibratedSlice("class=no", VALUES, 29), "29 rows are too few: a limit is calibrated on at least 30"),
        (CalibratedSlice("class=no", [float("nan")] * 5, 0), "0 rows are too few"),
        (CalibratedSlice("class=no", [*VALUES[:4], float("nan")], 50), "undefined on these 50 rows in 1 of 5 seeds"),
        (CalibratedSlice("class=no", [float("nan")] * 5, 50), "undefined on these 50 rows in 5 of 5 seeds"),
        (
            CalibratedSlice("class=no", [0.1, 0.9, 0.5, 0.2, 0.7], 50),
            "healthy model may have any value",
        ),
    ],
    ids=range(5),
)
def test_a_slice_that_cannot_be_calibrated_is_refused_alone(part: CalibratedSlice, words: str) -> None:
    (entry,) = proposed(measured("accuracy", VALUES, part))
    assert entry.limit.limit is not None
    assert entry.slices[0].limit.limit is None
    (line,) = [line for line in entry.describe() if "class=no" in line]
    assert line.startswith("accuracy, class=no: no limit proposed: ")
    assert words in line


def test_a_seed_that_failed_is_left_out_of_slices_as_well() -> None:
    values = [0.1, *VALUES]
    (entry,) = proposed(measured("accuracy", values, CalibratedSlice("class=no", values, 100), failed=1))
    (part,) = entry.slices
    assert part.limit.limit is not None
    assert (part.limit.calibrated.seeds, part.limit.calibrated.failed) == (5, 1)
    assert sum("1 of 6 seeds failed" in line for line in entry.describe()) == 1


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
        f"accuracy: a healthy run is at most {entry.max_drop:.4f} worse than another run of its recipe, "
        "at the same false-alarm rate: max_drop"
    )
