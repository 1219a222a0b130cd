"""Records become plain values and come back, also those in lists, in tables and where there may be none."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from pytest_ftcheck.gates.records import MetricChange
from pytest_ftcheck.report.baseline import ComparisonRecord, FlipRecord
from pytest_ftcheck.report.plain import plain, record_of

COMPARISON = ComparisonRecord(
    key="mrpc/tiny-bert/trainer/recipe-1",
    accepted_key="mrpc/tiny-bert/trainer/recipe-1",
    task="mrpc",
    engine="trainer",
    seed=0,
    accepted_seed=0,
    accepted="2026-11-22",
    why="",
    differences=[],
    not_comparable="",
    metrics={"accuracy": MetricChange(before=0.9, after=0.8, worse=0.1, gated=True)},
    flips=[FlipRecord(row=3, id="a", text=["a b"], label="yes", before="yes", after=-1, worse=0.5)],
)


def test_a_record_comes_back() -> None:
    values = plain(COMPARISON)
    assert values == asdict(COMPARISON)
    assert record_of(ComparisonRecord, json.loads(json.dumps(values))) == COMPARISON


def test_other_names_are_refused() -> None:
    with pytest.raises(TypeError, match="another"):
        record_of(ComparisonRecord, {**plain(COMPARISON), "another": 1})


def test_lists_and_tables_hold_plain_values() -> None:
    assert plain([{"a": (replace(COMPARISON, seed=1),)}])[0]["a"][0]["seed"] == 1
