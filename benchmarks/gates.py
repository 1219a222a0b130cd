"""Do the gates keep the false-alarm rate that they state, and what do they see? A simulation of 10,000 sessions.

    python benchmarks/gates.py [--sessions 10000]

Writes ``benchmarks/gates.json`` (figures), ``gates.md`` (tables) and ``gates.svg`` (power curves). Some minutes on one
core. ``--table`` renders the page and the plot again from the figures.

`gates_world.py` says what is simulated. All limits and verdicts are those of `pytest_ftcheck.gates`; where it judges
one session at a time, a vectorised twin stands in, and a test holds the twin to it.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

import gates_cost
import gates_real
import gates_world
from gates_world import CALIBRATED, DATA_SETS, SEEDS, Sessions, World, heavy, left, normal
from line_chart import Panel, chart
from machine import describe_machine, markdown_table
from pytest_ftcheck.gates.seeds import failed_runs
from pytest_ftcheck.gates.tolerance import FALSE_ALARMS, SeedStatistics, drop_factor, tolerance_bound

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gates_world import Floats, Ints

HERE = Path(__file__).parent
SPREADS = (0.005, 0.01, 0.03)
DROPS = tuple(points / 100 for points in range(11))
MAX_DROP = 0.01
NAIVE = 0.01
"""How far below the calibrated mean a floor is set by hand."""

GATES = {
    "floor": "calibrated floor",
    "baseline": "baseline, known spread",
    "seeds": f"{SEEDS} seeds, calibrated floor",
    "naive_floor": "naive: value ≥ mean less 1 point",
    "naive_drop": "naive: drop ≤ 0.01",
    "rows_only": "baseline, spread unknown",
    "declared": "floor declared 1 point below the mean",
    "declared_seeds": f"the same, {SEEDS} seeds",
}
PROMISED = ("floor", "baseline", "seeds")
"""The gates that state a false-alarm rate."""
SHOWN = (*PROMISED, "naive_floor", "naive_drop")


def judge_all(
    world: World, drawn: Sessions, false_alarms: float = FALSE_ALARMS
) -> tuple[dict[str, NDArray[np.bool_]], dict[str, NDArray[np.bool_]]]:
    """Judge every session with every gate: ``[S]``, True where it fails; and True where it is inconclusive."""
    calibrated, after, several = (right / world.rows for right in (drawn.calibration, drawn.after, drawn.several))
    by_hand = calibrated.mean(axis=1) - NAIVE
    drops = (drawn.before - drawn.after) / world.rows
    floors = {
        runs: tolerance_bound("accuracy", calibrated, world.rows, false_alarms=false_alarms, runs=runs)
        for runs in (1, SEEDS)
    }
    known, unknown = (
        explained(drawn, drops, spreads, false_alarms) for spreads in (calibrated.std(axis=1, ddof=1), None)
    )
    too_far = drops > MAX_DROP + 1e-9
    of_rows, of_seeds = wilson_ends(drawn.after, world.rows), mean_ends(several, false_alarms)
    failed = {
        "floor": after < floors[1],
        "baseline": too_far & ~known,
        "seeds": several.mean(axis=1) < floors[SEEDS],
        "naive_floor": after < by_hand,
        "naive_drop": drops > MAX_DROP,
        "rows_only": too_far & ~unknown,
        "declared": of_rows[1] < by_hand,
        "declared_seeds": of_seeds[1] < by_hand,
    }
    unsettled = {
        "baseline": too_far & known,
        "rows_only": too_far & unknown,
        "declared": (of_rows[0] <= by_hand) & (by_hand <= of_rows[1]),
        "declared_seeds": (of_seeds[0] <= by_hand) & (by_hand <= of_seeds[1]),
    }
    return failed, unsettled


def explained(drawn: Sessions, drops: Floats, spreads: Floats | None, false_alarms: float) -> NDArray[np.bool_]:
    """Do what `compare` does for accuracy, for all sessions at once: True where rows or seeds explain the drop."""
    by_chance = stats.binom.sf(drawn.lost - 1, drawn.lost + drawn.gained, 0.5) > false_alarms
    if spreads is not None:
        by_chance |= drops <= drop_factor(CALIBRATED, false_alarms) * math.sqrt(2) * spreads
    return np.asarray(by_chance)


def wilson_ends(right: Ints, rows: int) -> tuple[Floats, Floats]:
    """Do what `wilson` does, for all sessions at once."""
    z = float(stats.norm.ppf(0.975))
    share = right / rows
    middle = share + z**2 / (2 * rows)
    half = z * np.sqrt(share * (1 - share) / rows + (z / (2 * rows)) ** 2)
    return (middle - half) / (1 + z**2 / rows), (middle + half) / (1 + z**2 / rows)


def mean_ends(values: Floats, false_alarms: float) -> tuple[Floats, Floats]:
    """Do what `seed_interval` does, for all sessions at once: the one-sided bounds of the mean."""
    count = values.shape[1]
    half = float(stats.t.isf(false_alarms, count - 1)) / math.sqrt(count) * values.std(axis=1, ddof=1)
    mean = values.mean(axis=1)
    return mean - half, mean + half


def cell(rows: int, spread: float, sessions: int) -> dict[str, Any]:
    """Return the shares of sessions that fail and that are inconclusive, for each gate over the true drops."""
    world = World.of(rows, spread)
    shares: dict[str, dict[str, list[float]]] = {"fails": {}, "inconclusive": {}}
    for index, drop in enumerate(DROPS):
        judged = judge_all(world, Sessions.simulate(world, sessions, drop, seed=rows + index))
        for found, by_gate in zip(shares.values(), judged, strict=True):
            for gate, sessions_of_gate in by_gate.items():
                found.setdefault(gate, []).append(float(sessions_of_gate.mean()))
    return {"rows": rows, "spread": spread, **shares}


def sturdiness(sessions: int) -> dict[str, dict[str, float]]:
    """Return false-alarm rates where the assumptions do not hold, and of a session with many gates."""
    rows, spread, gates = 872, 0.01, 8
    found: dict[str, dict[str, float]] = {}
    for name, draw in (("normal", normal), ("heavy tails (t, 5)", heavy), ("long bad tail (exponential)", left)):
        world = World.of(rows, spread, draw)
        failed, _ = judge_all(world, Sessions.simulate(world, sessions, 0.0, seed=1))
        found[name] = {gate: float(failed[gate].mean()) for gate in PROMISED}
    world = World.of(rows, spread)
    shared = [
        judge_all(world, Sessions.simulate(world, sessions, 0.0, seed=2 + gate), FALSE_ALARMS / gates)[0]
        for gate in range(gates)
    ]
    any_of = {gate: np.any([failed[gate] for failed in shared], axis=0) for gate in PROMISED}
    found[f"normal; any of {gates} independent gates that share 1%"] = {
        gate: float(failed.mean()) for gate, failed in any_of.items()
    }
    return found


def failed_run_rates() -> dict[str, float]:
    """Return how often the gate on failed runs fails a recipe that fails as often as when it was calibrated: exact."""
    found = {}
    for rate in (0.01, 0.02, 0.05, 0.1, 0.2, 0.3):
        total = 0.0
        for before in range(CALIBRATED - 2):
            seeds = SeedStatistics(0.9, 0.01, CALIBRATED - before, before)
            odds = stats.binom.pmf(before, CALIBRATED, rate)
            fail = [failed_runs(now, SEEDS, calibrated=seeds) == "fail" for now in range(SEEDS + 1)]
            total += float(odds * stats.binom.pmf(np.flatnonzero(fail), SEEDS, rate).sum())
        found[f"{rate:.0%}"] = total
    return found


def measure(sessions: int) -> dict[str, Any]:
    """Simulate everything."""
    cells = []
    for rows in DATA_SETS:
        for spread in SPREADS:
            cells.append(cell(rows, spread, sessions))
            print(rows, spread, {gate: values[0] for gate, values in cells[-1]["fails"].items()}, flush=True)
    return {
        "machine": describe_machine(),
        "sessions": sessions,
        "cells": cells,
        "sturdiness": sturdiness(sessions),
        "failed_runs": failed_run_rates(),
        "real_seeds": gates_real.measure(),
        "cost": gates_cost.measure(),
    }


def false_alarm_table(raw: dict[str, Any]) -> str:
    """Render one row per data set and spread: the share of sessions of a model as good as before that fail."""
    rows = [[_place(found), *(f"{found['fails'][gate][0]:.2%}" for gate in GATES)] for found in raw["cells"]]
    return markdown_table(["rows, spread", *GATES.values()], rows)


def inconclusive_table(raw: dict[str, Any]) -> str:
    """Render the share of such sessions that warn, for the gates that know this verdict."""
    gates = raw["cells"][0]["inconclusive"]
    rows = [[_place(found), *(f"{found['inconclusive'][gate][0]:.1%}" for gate in gates)] for found in raw["cells"]]
    return markdown_table(["rows, spread", *(GATES[gate] for gate in gates)], rows)


def power_table(raw: dict[str, Any]) -> str:
    """Render one row per data set, spread and gate: the share of sessions that fail, over the true drops."""
    rows = [
        [_place(found), GATES[gate], *(f"{value:.0%}" for value in found["fails"][gate][1:])]
        for found in raw["cells"]
        for gate in SHOWN
    ]
    return markdown_table(["rows, spread", "gate", *(f"{drop * 100:.0f}" for drop in DROPS[1:])], rows)


def _place(found: dict[str, Any]) -> str:
    return f"{found['rows']} ({DATA_SETS[found['rows']][0]}), {found['spread'] * 100:g}"


def plot(raw: dict[str, Any]) -> str:
    """Draw the power curves: a row of panels per data set, a column per spread."""
    panels = [
        [
            Panel(
                f"{found['rows']} rows, spread {found['spread'] * 100:g} points",
                {GATES[gate]: found["fails"][gate] for gate in SHOWN},
            )
            for found in raw["cells"]
            if found["rows"] == rows
        ]
        for rows in DATA_SETS
    ]
    return chart(
        panels,
        [drop * 100 for drop in DROPS],
        title="What the gates see: sessions that fail, by how much the model truly got worse",
        x_label="true drop of accuracy, points",
        y_label="sessions that fail",
    )


def report(raw: dict[str, Any]) -> str:
    """Word the page."""
    sturdy = markdown_table(
        ["seeds are", *(GATES[gate] for gate in PROMISED)],
        [[name, *(f"{row[gate]:.2%}" for gate in PROMISED)] for name, row in raw["sturdiness"].items()],
    )
    failing = markdown_table(
        ["failure rate of the recipe", *raw["failed_runs"]],
        [["sessions that fail", *(f"{value:.2%}" for value in raw["failed_runs"].values())]],
    )
    seconds = [[name, f"{taken:.2f}"] for name, taken in raw["cost"].items()]
    worst = max(found["fails"][gate][0] for found in raw["cells"] for gate in PROMISED)
    return f"""# What the gates see, and how often they cry wolf

Made by `python benchmarks/gates.py --sessions {raw["sessions"]}` on: {raw["machine"]}

{(gates_world.__doc__ or "").partition("differ on them.")[2].strip()}

Spread and drops are in points of accuracy (1 point = 0.01). `max_drop` is 1 point. Each share has a standard error of
0.1 points at 1%, and of 0.5 at most.

## False alarms: a model as good as its baseline, {raw["sessions"]:,} sessions

The first three gates state 1%; the highest here is {worst:.2%}. They stay below on average because the bound is
one that 95% of the calibrations keep to. The others state nothing: a naive floor knows nothing of seeds; a baseline
whose spread is not known cannot tell a seed from a regression; and a declared floor is a claim about other rows (one
run: the 95% interval over rows; five: the one-sided 99% bound over seeds), set here from a mean of ten seeds that is
itself not exact.

{false_alarm_table(raw)}
Sessions of the same model that are inconclusive, and so pass with a warning:

{inconclusive_table(raw)}
## Power: sessions that fail, by true drop in points

{power_table(raw)}
![Power curves](gates.svg)

## Where the assumptions end (872 rows, spread 1 point, no drop)

{sturdy}
With a long tail to the bad side, ten seeds say too little of that tail: `propose_limit` warns where one of them lies
apart. The baseline compares two runs, whose difference has no side.

Failed runs: a recipe that fails as often as it did when {CALIBRATED} seeds calibrated it, judged over {SEEDS} seeds
(exact, not simulated):

{failing}
## Real seeds

Twenty seeds of every bundled recipe (`seeds.md`), split {gates_real.SPLITS:,} times at random into ten that calibrate
and ten that are judged. Listed is each recipe on which a gate fails more often than it states: one or two of its seeds
lie apart from the others, and whether they were among those that calibrated decides. No bound from ten seeds knows of
what happens to one seed in twenty.

{gates_real.table(raw["real_seeds"])}
## Cost: one run of {gates_cost.ROWS} rows, every metric with its interval

{markdown_table(["judged", "CPU seconds"], seconds)}"""


def main() -> None:
    """Simulate, or read what was simulated, and write the page and the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--output", type=Path, default=HERE / "gates.md")
    parser.add_argument("--table", action="store_true", help="render the page again from the raw figures")
    arguments = parser.parse_args()
    figures = arguments.output.with_suffix(".json")
    if arguments.table:
        raw = json.loads(figures.read_text(encoding="utf-8"))
    else:
        raw = measure(arguments.sessions)
        figures.write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
    arguments.output.write_text(report(raw), encoding="utf-8")
    arguments.output.with_suffix(".svg").write_text(plot(raw), encoding="utf-8")
    print(report(raw))


if __name__ == "__main__":
    main()
