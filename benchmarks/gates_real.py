"""The gates on seeds that were really trained: those of `seeds.json`, split into calibration and sessions."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from machine import markdown_table
from pytest_ftcheck.gates.tolerance import FALSE_ALARMS, drop_factor, tolerance_bound

SEEDS = Path(__file__).with_name("seeds.json")
ROWS = 400
"""Of every bundled validation split."""
SPLITS, CALIBRATED, SEVERAL = 2000, 10, 5
NAMES = {"floor": "calibrated floor", "baseline": "baseline, seeds alone", "seeds": "5 seeds, calibrated floor"}


def measure() -> dict[str, dict[str, float]]:
    """Return the share of splits in which seeds of the same recipe fail, by task, checkpoint and metric.

    A baseline is judged by seeds alone, as the predictions of each row are not in the file: an upper bound.
    """
    values: dict[str, list[float]] = {}
    for run in json.loads(SEEDS.read_text(encoding="utf-8"))["runs"]:
        if run["engine"] == "manual":  # the other engine gave the same metrics
            for metric, value in run["metrics"].items():
                values.setdefault(f"{run['task']}, {run['checkpoint']}, {metric}", []).append(value)
    generator = np.random.default_rng(0)
    return {name: _rates(name.rpartition(", ")[2], np.array(seeds), generator) for name, seeds in values.items()}


def _rates(metric: str, seeds: np.typing.NDArray[np.float64], generator: np.random.Generator) -> dict[str, float]:
    drawn = generator.permuted(np.tile(seeds, (SPLITS, 1)), axis=1)
    calibration, session = drawn[:, :CALIBRATED], drawn[:, CALIBRATED:]
    floors = [tolerance_bound(metric, calibration, ROWS, runs=runs) for runs in (1, SEVERAL)]
    bounds = drop_factor(CALIBRATED, FALSE_ALARMS) * math.sqrt(2) * calibration.std(axis=1, ddof=1)
    drops = session[:, 0] - session[:, 1]
    return {
        "floor": float((session < floors[0][:, None]).mean()),
        "baseline": float((drops > np.maximum(bounds, 0.01)).mean()),
        "seeds": float((session[:, :SEVERAL].mean(axis=1) < floors[1]).mean()),
    }


def table(rates: dict[str, dict[str, float]]) -> str:
    """Render the average, and each recipe on which a gate fails more often than it states."""
    rows = [
        [f"average of {len(rates)}", *(f"{np.mean([rate[gate] for rate in rates.values()]):.2%}" for gate in NAMES)]
    ]
    rows += [
        [name, *(f"{rate[gate]:.2%}" for gate in NAMES)]
        for name, rate in rates.items()
        if max(rate.values()) > FALSE_ALARMS
    ]
    return markdown_table(["task, checkpoint, metric", *NAMES.values()], rows)
