"""Whether the last of several sessions is worse than those before."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_ftcheck.report.__main__ import main
from pytest_ftcheck.report.history import SECONDS, STEP, history, history_lines, judge_last
from pytest_ftcheck.report.json import json_text
from tests.report.made_up import document, gate

if TYPE_CHECKING:
    from pathlib import Path

HEALTHY = [0.901, 0.897, 0.904, 0.899, 0.902, 0.898, 0.903, 0.9]


def session(value: float, *, seed: int = 0, data: str = "bundled", seconds: float = 10.0, reused: bool = False) -> Any:
    """What `history` reads of a document."""
    run = {"task": "mrpc", "engine": "trainer", "seed": seed}
    interval = [value - 0.03, value + 0.02]
    return SimpleNamespace(
        started=1_790_000_000.0,
        gates=[SimpleNamespace(**run, metric="accuracy", slice="", value=value, rows=400, interval=interval)],
        seed_gates=[],
        figures=[],
        runs=[
            SimpleNamespace(
                **run, checkpoint="tiny-bert", data=data, train_rows=2000, timings={"train": seconds}, reused=reused,
                environment={"device_name": "cpu", "threads": "1"}, recipe={"per_device_train_batch_size": "8"},
                folder=f"{data}-{seed}",
            )
        ],
    )  # fmt: skip


def sessions(*documents: Any) -> list[tuple[str, Any]]:
    return [(f"run{place}.json", document) for place, document in enumerate(documents)]


@pytest.mark.parametrize(
    ("metric", "last", "trend"),
    [
        ("accuracy", 0.899, "none"),
        ("accuracy", 0.99, "none"),
        ("accuracy", 0.85, "regression"),
        ("accuracy", math.nan, "regression"),
        ("eval_loss", 0.85, "none"),
        ("eval_loss", 0.99, "regression"),
        (SECONDS, 0.5, "none"),
        (SECONDS, 1.5, "regression"),
        (STEP, 0.5, "none"),
        (STEP, 1.5, "regression"),
    ],
)
def test_the_last_value_is_judged_in_the_direction_of_its_metric(metric: str, last: float, trend: str) -> None:
    assert judge_last(metric, [*HEALTHY, last], 400)[0] == trend


def test_between_both_bounds_a_value_is_suspicious() -> None:
    _, bound = judge_last("accuracy", [*HEALTHY, 0.9], 400)
    assert bound is not None
    assert judge_last("accuracy", [*HEALTHY, bound], 400)[0] == "suspicious"
    assert judge_last("accuracy", [*HEALTHY, bound - 1e-4], 400)[0] == "regression"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_earlier_values_are_insufficient(count: int) -> None:
    assert judge_last("accuracy", [*HEALTHY[:count], 0.1], 400) == ("insufficient data", None)


def test_a_row_of_difference_after_equal_values_is_no_regression() -> None:
    assert judge_last("accuracy", [0.9] * 8 + [0.9 - 1 / 400], 400)[0] == "none"


def test_the_rate_of_false_alarms_is_the_stated_one() -> None:
    draws = np.random.default_rng(0).normal(0.8, 0.01, (600, 11))
    regressions = sum(judge_last("accuracy", row.tolist(), 10_000)[0] == "regression" for row in draws)
    assert regressions <= 6


def test_series_are_of_one_task_engine_metric_and_data() -> None:
    found = history(sessions(session(0.9), session(0.8, data="other"), session(0.89)))
    accuracy = next(one for one in found if one.key.metric == "accuracy")
    assert [(point.session, point.value) for point in accuracy.points] == [("run0.json", 0.9), ("run2.json", 0.89)]
    assert accuracy.trend == "insufficient data"


def test_a_series_that_has_ended_is_left_out() -> None:
    assert [one.key.circumstances[1] for one in history(sessions(session(0.8, data="old"), session(0.9)))] == [
        "bundled",
        "bundled",
    ]


def test_seeds_of_a_session_are_averaged_and_reused_runs_have_no_duration() -> None:
    both = session(0.9)
    other = session(0.8, seed=1, reused=True)
    mean = SimpleNamespace(task="mrpc", engine="trainer", metric="accuracy", slice="", interval=[0.8, 0.9])
    both.gates, both.runs, both.seed_gates = both.gates + other.gates, both.runs + other.runs, [mean]
    found = history(sessions(both))
    assert {one.key.metric: one.values for one in found} == {"accuracy": (pytest.approx(0.85),), SECONDS: (10.0,)}
    assert [one.points[0].interval for one in found] == [(0.8, 0.9), None]


def test_an_interval_is_that_of_the_only_seed() -> None:
    (point,) = history(sessions(session(0.9)))[0].points
    assert list(point.interval or ()) == pytest.approx([0.87, 0.92])


def test_a_step_is_compared_with_steps_of_as_many_rows() -> None:
    known, other = session(0.9), session(0.9, seconds=30.0)
    for one in (known, other):
        one.figures = [SimpleNamespace(folder="bundled-0", steps=4)]
    assert history(sessions(known, other))[-1].values == (2500.0, 7500.0)
    known.runs[0].recipe = {"per_device_train_batch_size": "2"}
    last = history(sessions(known, other))[-1]
    assert (last.key.metric, last.values) == (STEP, (7500.0,))
    assert last.key.circumstances[-1] == "per_device_train_batch_size=8"


def test_the_worst_comes_first_and_the_course_is_drawn() -> None:
    found = history(sessions(*(session(value) for value in [*HEALTHY, 0.8])))
    lines = history_lines([replace(found[1], trend="none"), found[0]])
    assert lines[2].startswith("| regression | mrpc | trainer | accuracy | 0.8000 | 0.9000 | 0.88")
    assert lines[2].endswith("| 9 | ████████▁ |")
    assert lines[3].startswith(f"| none | mrpc | trainer | {SECONDS} | 10.0000 |")


def test_the_command_judges_the_latest_of_several_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / f"{place}.json" for place in range(5)]
    for place, path in enumerate(paths):
        value = 0.5 if place == 4 else HEALTHY[place]
        path.write_text(json_text(document(started=float(place), gates=[gate(value=value)])), encoding="utf-8")
    assert main(["history", *map(str, reversed(paths))]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "accuracy" in line)
    assert line.startswith("| regression | mrpc | trainer | accuracy | 0.5000 | 0.8990 |")
