"""Which other test tells of what a test cannot judge."""

from __future__ import annotations

from typing import Any

from pytest_ftcheck.judging.one_cause import reporting_test_of_check, reporting_test_of_run

CASE: dict[str, Any] = {"task": "mrpc", "check": "model.logits", "engine": "manual", "seed": 1}
TESTS: list[tuple[str, dict[str, Any]]] = [
    ("own", {}),
    ("other task", {**CASE, "task": "sst2", "check": "data.rows"}),
    ("other engine", {**CASE, "engine": "trainer", "check": "training.completes"}),
    ("parts", {"task": "mrpc", "check": "data.rows", "engine": None, "seed": None}),
    ("run", {**CASE, "check": "training.completes"}),
]


def test_a_check_of_the_parts_tells_for_every_engine_and_seed() -> None:
    assert reporting_test_of_check(CASE, "data.rows", TESTS) == "parts"
    assert reporting_test_of_check(CASE, "training.completes", TESTS) == "run"
    assert reporting_test_of_check(CASE, "data.labels", TESTS) is None


def test_a_run_is_told_of_by_a_test_over_the_same_run() -> None:
    run = {"task": "mrpc", "engine": "manual", "seed": 1}
    assert reporting_test_of_run(run, {"training.completes"}, TESTS) == "run"
    assert reporting_test_of_run({**run, "engine": "trainer"}, {"training.completes"}, TESTS) == "other engine"
    assert reporting_test_of_run(run, {"data.rows"}, TESTS) is None
