"""The table ``floors``: numbers, tables, ceilings, drops, slices and calibration, and every way to get them wrong."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.tasks.bundled import BUNDLED_CHECKPOINTS
from pytest_ftcheck.tasks.card import builtin_tasks, load_card, parse_card
from pytest_ftcheck.tasks.datasets import load_data
from pytest_ftcheck.tasks.floors import CalibratedSeeds, MetricLimits, is_limit, read_limits

CARD: dict[str, Any] = {
    "head": "sequence-classification",
    "text_columns": ["text"],
    "label_column": "label",
    "label_names": ["bad", "good"],
    "metric": {"path": "accuracy", "greater_is_better": {"accuracy": True}},
    "recipe": {},
    "slices": ["class", "length", "genre", "mine.slices:has_negation"],
}
SEEDS = {"mean": 0.9, "spread": 0.01, "seeds": 10, "rows": 400}


def gates(floors: dict[str, Any], tier: str = "tiny", checkpoint: str = "tiny-bert") -> dict[str, MetricLimits]:
    return parse_card("reviews", CARD | {"floors": floors}).gates(tier, checkpoint)


def test_a_number_is_a_floor() -> None:
    assert gates({"accuracy": 0.8}) == {"accuracy": MetricLimits(min=0.8)}
    assert gates({"accuracy": 0.8})["accuracy"].limit == 0.8


def test_a_table_says_more() -> None:
    table = {"min": 0.8, "max_drop": 0.05, "relative": True, "calibrated": {**SEEDS, "failed": 1, "runs": 5}}
    asked = gates({"accuracy": table})["accuracy"]
    assert asked.calibrated == CalibratedSeeds(0.9, 0.01, 10, 400, failed=1, runs=5)
    assert (asked.min, asked.max, asked.max_drop, asked.relative) == (0.8, None, 0.05, True)


@pytest.mark.parametrize("metric", ["loss", "expected_calibration_error", "brier_score"])
def test_what_the_logits_give_has_a_ceiling(metric: str) -> None:
    asked = gates({metric: {"max": 0.1}})[metric]
    assert (asked.limit, asked.min) == (0.1, None)
    card = parse_card("reviews", CARD | {"floors": {metric: {"max": 0.1}}})
    assert card.gated_metrics == ("accuracy", metric)
    assert not card.greater_is_better(metric)
    assert card.floors("tiny", "x") == {}


def test_slices_have_limits_of_their_own() -> None:
    asked = gates({"accuracy": {"slices": {"class=bad": 0.7, "length": {"min": 0.6}, "has_negation": 0.5}}})["accuracy"]
    assert asked.limit is None
    assert {name: limits.min for name, limits in asked.slices.items()} == {
        "class=bad": 0.7,
        "length": 0.6,
        "has_negation": 0.5,
    }


def test_the_innermost_wins_as_a_whole() -> None:
    floors = {
        "accuracy": {"min": 0.5, "max_drop": 0.1},
        "tiny": {"accuracy": 0.6, "tiny-bert": {"accuracy": {"max_drop": 0.02}, "loss": {"max": 0.3}}},
    }
    assert gates(floors, "full") == {"accuracy": MetricLimits(min=0.5, max_drop=0.1)}
    assert gates(floors, "tiny", "other") == {"accuracy": MetricLimits(min=0.6)}
    assert gates(floors) == {"accuracy": MetricLimits(max_drop=0.02), "loss": MetricLimits(max=0.3)}


def test_a_users_limit_takes_the_place_of_a_calibrated_one() -> None:
    card = load_card("mrpc", {"mrpc": {"floors": {"tiny": {"tiny-bert": {"f1": {"max_drop": 0.1}}}}}})
    assert card.gates("tiny", "tiny-bert")["f1"] == MetricLimits(max_drop=0.1)
    assert card.gates("tiny", "tiny-bert")["accuracy"].calibrated is not None


@pytest.mark.parametrize("task", builtin_tasks())
@pytest.mark.parametrize("checkpoint", BUNDLED_CHECKPOINTS)
def test_every_bundled_floor_came_from_seeds(task: str, checkpoint: str) -> None:
    card = load_card(task, {})
    found = card.gates("tiny", checkpoint)
    missing = f"{task}.toml, [floors.tiny.{checkpoint}]: CONTRIBUTING.md, Add a task, says where they come from"
    # Of rows without an answer, a model that never answers has all right: no floor has an effect.
    directions = card.metric.greater_is_better
    assert set(found) == {name for name in directions if not name.startswith("NoAns")}, missing
    for name, limits in found.items():
        assert limits.calibrated is not None
        limit, other = (limits.min, limits.max) if directions[name] else (limits.max, limits.min)
        assert limit is not None
        assert other is None
        assert (limit < limits.calibrated.mean) == directions[name]
        assert limits.calibrated.seeds >= 20
        assert limits.calibrated.rows == len(load_data(card, "bundled").evaluation)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.8, True), ({"min": 0.8}, True), ({"max_drop": 1, "mni": 2}, True), ({"accuracy": 0.8}, False), ({}, False)],
)
def test_limits_are_told_from_tables(value: object, expected: bool) -> None:  # noqa: FBT001 - a parameter
    assert is_limit("accuracy", value) is expected


WRONG: list[tuple[Any, str]] = [
    ({"mni": 0.8}, "floors.accuracy.mni: unknown key of a limit: 'mni'. Did you mean 'min'?"),
    ({"min": "0.8"}, "floors.accuracy.min must be a finite number, not '0.8'."),
    ({"max": 0.9}, "floors.accuracy.max: a greater accuracy is better: use min instead of max."),
    ({}, "floors.accuracy: there is no limit, for example { min = 0.8 }"),
    ({"relative": True, "min": 0.8}, "floors.accuracy: relative needs max_drop"),
    ({"calibrated": SEEDS, "max_drop": 0.1}, "floors.accuracy: calibrated needs min"),
    ({"max_drop": -0.1}, "floors.accuracy.max_drop must be at least 0"),
    ({"max_drop": 0.1, "relative": 1}, "floors.accuracy.relative must be true or false, not 1."),
    ({"min": 0.8, "slices": 0.7}, "floors.accuracy.slices must be a table of limits by slice"),
    ({"slices": {"clas=bad": 0.7}}, "floors.accuracy.slices: unknown slice 'clas=bad'. Did you mean 'class'?"),
    ({"slices": {"class": {"max": 0.7}}}, 'floors.accuracy.slices."class".max: a greater accuracy is better'),
    ({"slices": {"class": {"max_drop": 0.7}}}, 'floors.accuracy.slices."class" must have only min'),
    (
        {"slices": {"class": {"min": 0.7, "calibrated": {"mean": 0.8}}}},
        'floors.accuracy.slices."class".calibrated lacks spread, seeds, rows',
    ),
    ({"slices": {"class": "x"}}, "floors.accuracy.slices.\"class\" must be a finite number, not 'x'"),
    ({"min": 0.8, "calibrated": 3}, "floors.accuracy.calibrated must be a table with mean, spread, seeds, rows, not 3"),
    ({"min": 0.8, "calibrated": {}}, "floors.accuracy.calibrated lacks mean, spread, seeds, rows; --ftcheck-calibrate"),
    ({"min": 0.8, "calibrated": SEEDS | {"std": 1}}, "floors.accuracy.calibrated.std: unknown key: 'std'."),
    (
        {"min": 0.8, "calibrated": SEEDS | {"seeds": 1}},
        "floors.accuracy.calibrated.seeds must be a number of at least 2",
    ),
    (
        {"min": 0.8, "calibrated": SEEDS | {"rows": 2.5}},
        "floors.accuracy.calibrated.rows must be a number of at least 1",
    ),
    ({"min": 0.8, "calibrated": SEEDS | {"mean": "x"}}, "floors.accuracy.calibrated.mean must be a finite number"),
]


@pytest.mark.parametrize(("value", "expected"), WRONG)
def test_a_wrong_limit_is_explained(value: Any, expected: str) -> None:
    with pytest.raises(TaskError) as error:
        gates({"accuracy": value})
    assert str(error.value).startswith(f"task card 'reviews': {expected}")


def test_the_calibration_of_a_model_needs_classes() -> None:
    card = {**CARD, "head": "regression", "slices": [], "floors": {"brier_score": {"max": 0.1}}}
    del card["label_names"]
    card["metric"] = {"path": "mse", "greater_is_better": {"mse": False}}
    with pytest.raises(TaskError, match="unknown metric 'brier_score'"):
        parse_card("reviews", card)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"slices": ["class", "class"]}, "slices must be distinct strings"),
        ({"slices": [1]}, "slices must be distinct strings"),
        ({"slices": "class"}, "slices must be a list, not 'class'"),
    ],
)
def test_wrong_slices_are_explained(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(TaskError, match=expected):
        parse_card("reviews", CARD | changes)


def test_limits_without_a_card_name_their_place() -> None:
    assert read_limits("", "ft_gate: f1", {"min": 0.8}, metric="f1", greater_is_better=True) == MetricLimits(min=0.8)
    with pytest.raises(TaskError, match=r"^ft_gate: f1: a smaller loss is better.*\{ max = 0.8 \}\.$"):
        read_limits("", "ft_gate: f1", 0.8, metric="loss", greater_is_better=False)
