"""The simulation of benchmarks/: its vectorised gates are those of the library, and its world is as it says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from pytest_ftcheck.gates.calibration import Session, propose_limit
from pytest_ftcheck.gates.compared_run import ComparedRun
from pytest_ftcheck.gates.intervals import wilson
from pytest_ftcheck.gates.limits import Limits
from pytest_ftcheck.gates.paired import compare
from pytest_ftcheck.gates.seeds import judge_seeds
from pytest_ftcheck.gates.tolerance import SeedStatistics
from pytest_ftcheck.heads.rows import EvaluatedRows

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

SESSIONS = 40
Judged = dict[str, str]


@pytest.fixture(scope="module")
def gates(load_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return load_benchmark("gates")


def by_the_library(world: Any, drawn: Any, index: int) -> Judged:
    """Judge one session with the functions that the plugin calls."""
    rows = world.rows
    calibration = (drawn.calibration[index] / rows).tolist()
    value, several = drawn.after[index] / rows, dict(enumerate(drawn.several[index] / rows))
    known = SeedStatistics(float(np.mean(calibration)), float(np.std(calibration, ddof=1)), len(calibration))
    one = propose_limit("accuracy", calibration, rows=rows)
    mean = propose_limit("accuracy", calibration, rows=rows, session=Session(seeds=5, judged="mean"))
    declared = Limits(known.mean - 0.01)
    before, after = compared(rows, int(drawn.before[index]), int(drawn.lost[index]), int(drawn.gained[index]))
    with_spread = ComparedRun(before.metrics, before.rows, {"accuracy": known})
    return {
        "floor": Limits(one.limit, calibrated=known).status(value, None),
        "baseline": compare("accuracy", with_spread, after, max_drop=0.01).status,
        "rows_only": compare("accuracy", before, after, max_drop=0.01).status,
        "seeds": judge_seeds(
            "accuracy", several, Limits(mean.limit, calibrated=known), rows=rows, subject="simulated"
        ).status,
        "declared": declared.status(value, wilson(int(drawn.after[index]), rows)),
        "declared_seeds": judge_seeds("accuracy", several, declared, rows=rows, subject="simulated").status,
    }


def compared(rows: int, right: int, lost: int, gained: int) -> tuple[ComparedRun, ComparedRun]:
    labels = np.arange(rows) % 2
    was = np.arange(rows) < right
    now = was.copy()
    now[:lost] = False
    now[right : right + gained] = True
    runs = [EvaluatedRows(labels, np.where(correct, labels, 1 - labels)) for correct in (was, now)]
    return ComparedRun({"accuracy": was.mean()}, runs[0]), ComparedRun({"accuracy": now.mean()}, runs[1])


@pytest.mark.parametrize(("rows", "spread", "drop"), [(408, 0.005, 0.02), (872, 0.03, 0.05), (872, 0.01, 0.04)])
def test_simulated_gates_are_those_of_the_library(gates: ModuleType, rows: int, spread: float, drop: float) -> None:
    world = gates.World.of(rows, spread)
    drawn = gates.Sessions.simulate(world, SESSIONS, drop, seed=11)
    failed, unsettled = gates.judge_all(world, drawn)
    for index in range(SESSIONS):
        ours = by_the_library(world, drawn, index)
        for gate, status in ours.items():
            warned = gate in unsettled and unsettled[gate][index]
            theirs = "fail" if failed[gate][index] else "inconclusive" if warned else "pass"
            assert theirs == status, f"{gate} in session {index}"


@pytest.mark.parametrize("spread", [0.005, 0.01, 0.03])
@pytest.mark.parametrize("rows", [408, 872, 5463])
def test_world_has_the_accuracy_the_spread_and_the_drop_that_it_says(
    gates: ModuleType, rows: int, spread: float
) -> None:
    world = gates.World.of(rows, spread)
    generator = np.random.default_rng(0)
    runs, worse = (world.right(generator, (20_000,), drop) / rows for drop in (0.0, 0.05))
    assert runs.mean() == pytest.approx(world.accuracy, abs=0.001)
    assert runs.std() == pytest.approx(spread, rel=0.03)
    assert runs.mean() - worse.mean() == pytest.approx(0.05, abs=0.001)
    paired = gates.Sessions.simulate(world, 20_000, 0.0, seed=1)
    assert (paired.after / rows).std() == pytest.approx(spread, rel=0.03)
    assert np.corrcoef(paired.before, paired.after)[0, 1] == pytest.approx(0, abs=0.03)


def test_gates_that_promise_one_percent_keep_it(gates: ModuleType) -> None:
    for rows, spread in ((408, 0.01), (872, 0.03)):
        shares = gates.cell(rows, spread, 4000)["fails"]
        for gate in gates.PROMISED:
            assert shares[gate][0] <= 0.01
            assert shares[gate] == sorted(shares[gate])


def test_committed_figures_are_those_of_the_page(gates: ModuleType) -> None:
    raw = json.loads((gates.HERE / "gates.json").read_text(encoding="utf-8"))
    assert raw["sessions"] == 10_000
    assert max(cell["fails"][gate][0] for cell in raw["cells"] for gate in gates.PROMISED) <= 0.01
    assert all(seconds <= 1 for seconds in raw["cost"].values())
    assert (gates.HERE / "gates.md").read_text(encoding="utf-8") == gates.report(raw)
    plot = (gates.HERE / "gates.svg").read_text(encoding="utf-8")
    assert plot == gates.plot(raw)
    assert len(ET.fromstring(plot).findall(".//{http://www.w3.org/2000/svg}polyline")) == 9 * 5 + 5  # noqa: S314 - ours
