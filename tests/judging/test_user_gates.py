"""Gates in users' own tests: limits of the test, of its markers and of the card."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.errors import CheckFailure, TaskError
from pytest_ftcheck.judging.notes import Notes
from pytest_ftcheck.judging.user_gates import UserGates

if TYPE_CHECKING:
    from tests.judging.conftest import MakeRun, MakeSession


@pytest.fixture
def alone(make_session: MakeSession) -> UserGates:
    """Gates of a test that took no run and has no task."""
    return UserGates(make_session(), "test_mine", {"accuracy": 0.9, "latency": 12.0}, run=None, task=None)


def test_a_value_without_rows_is_judged_by_its_limit_alone(alone: UserGates) -> None:
    notes = Notes()
    alone.judge({"accuracy": alone.read("accuracy", 0.8, "here")}, notes)
    (gate,) = notes.values["gates"]
    assert (gate["task"], gate["engine"], gate["seed"]) == ("-", "-", "-")
    assert (gate["value"], gate["floor"], gate["interval"], gate["status"]) == (0.9, 0.8, None, "pass")
    with pytest.raises(CheckFailure, match=r"0\.9000"):
        alone.judge({"accuracy": alone.read("accuracy", 0.95, "here")}, Notes())


def test_the_limit_tells_the_direction_of_a_metric_that_nobody_knows(alone: UserGates) -> None:
    _, greater = alone.read("latency", {"max": 10}, "here")
    assert not greater
    with pytest.raises(CheckFailure) as caught:
        alone.judge({"latency": alone.read("latency", {"max": 10}, "here")}, Notes())
    assert [found.check for found in caught.value.findings] == ["metrics.ceiling"]


def test_a_metric_that_is_missing_is_red_and_names_those_that_are_there(alone: UserGates) -> None:
    notes = Notes()
    with pytest.raises(CheckFailure, match="not reported; reported are: accuracy, latency"):
        alone.judge({"f1": alone.read("f1", 0.8, "here")}, notes)
    (gate,) = notes.values["gates"]
    assert gate["missing"]
    assert math.isnan(gate["value"])


def test_nothing_to_judge_is_misuse(alone: UserGates) -> None:
    assert alone.of_card() == {}
    message = r"ft_gate in test_mine: no limit for accuracy, latency\. Give some, as in ft_gate"
    with pytest.raises(TaskError, match=message):
        alone.judge({}, Notes())


@pytest.mark.parametrize("value", [{"min": 0.8, "max_drop": 0.02}, {"min": 0.8, "slices": {"class": 0.7}}])
def test_baselines_and_slices_need_rows(alone: UserGates, value: Any) -> None:
    with pytest.raises(
        TaskError, match="test_mine: accuracy: max_drop and slices need predictions by row: the test must take"
    ):
        alone.judge({"accuracy": alone.read("accuracy", value, "here")}, Notes())


@pytest.mark.parametrize(
    ("args", "keywords"), [((), {"min": 0.8}), (("f1",), {}), (("f1", 0.8), {"min": 0.8}), ((1,), {"min": 0.8})]
)
def test_a_marker_takes_one_metric_and_its_limits(
    alone: UserGates, args: tuple[object, ...], keywords: dict[str, object]
) -> None:
    with pytest.raises(TaskError, match=r"marker ftcheck_floor of test_mine takes one metric and its limits: @pytest"):
        alone.read_markers([(args, keywords)])


def test_of_two_markers_of_a_metric_the_closest_counts(alone: UserGates) -> None:
    read = alone.read_markers([(("accuracy",), {"min": 0.7}), (("accuracy",), {"min": 0.99}), (("f1",), {"min": 0.5})])
    assert {name: limits.limit for name, (limits, _) in read.items()} == {"accuracy": 0.7, "f1": 0.5}


def test_a_run_brings_its_rows_and_the_limits_of_its_card(make_session: MakeSession, make_run: MakeRun) -> None:
    session, run, notes = make_session(0.8), make_run(wrong=2), Notes()
    gates = UserGates(session, "test_mine", run, run=None, task=None)
    gates.judge(gates.of_card(), notes)
    (gate,) = notes.values["gates"]
    assert (gate["task"], gate["engine"], gate["seed"], gate["rows"]) == ("sst2", "trainer", 0, 100)
    assert gate["interval"] is not None


def test_the_card_asks_a_run_for_all_its_metrics_and_a_table_for_what_it_has(
    make_session: MakeSession, make_run: MakeRun
) -> None:
    session, run = make_session(0.8), make_run()
    assert list(UserGates(session, "t", run, run=None, task=None).of_card()) == ["accuracy"]
    assert list(UserGates(session, "t", {"f1": 0.5}, run=run, task=None).of_card()) == []
    assert list(UserGates(session, "t", {"accuracy": 0.5}, run=None, task="sst2").of_card()) == ["accuracy"]


def test_a_limit_that_a_trivial_classifier_reaches_is_refused(make_session: MakeSession, make_run: MakeRun) -> None:
    gates = UserGates(make_session(), "test_mine", make_run(), run=None, task=None)
    with pytest.raises(TaskError, match=r"0\.1000 for accuracy has no effect"):
        gates.read("accuracy", 0.1, "here")


def test_what_is_inconclusive_warns_and_strictly_fails(make_session: MakeSession, make_run: MakeRun) -> None:
    notes = Notes()
    for strict in (False, True):
        gates = UserGates(make_session(0.8, strict=strict), "t", make_run(wrong=22), run=None, task=None)
        if strict:
            with pytest.raises(CheckFailure):
                gates.judge(gates.of_card(), notes)
        else:
            gates.judge(gates.of_card(), notes)
            assert [found["check"] for found in notes.values["warnings"]] == ["metrics.floor"]


def test_a_baseline_that_is_not_comparable_is_told_once_for_all_metrics(
    make_session: MakeSession, make_run: MakeRun
) -> None:
    session = make_session(require_baseline=True)
    gates = UserGates(session, "test_mine", make_run(), run=None, task=None)
    asked = {name: gates.read(name, {"max_drop": 0.02}, "here") for name in ("accuracy", "f1")}
    with pytest.raises(CheckFailure) as caught:
        gates.judge(asked, Notes())
    assert [found.check for found in caught.value.findings] == ["metrics.baseline"]
