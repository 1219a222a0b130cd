"""A task card is read, merged over a built-in one and validated; what is wrong is said in full."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.tasks.card import (
    HubDataset,
    builtin_tasks,
    card_table,
    known_tables,
    load_card,
    parse_card,
)

CARD: dict[str, Any] = {
    "head": "sequence-classification",
    "text_columns": ["text"],
    "label_column": "label",
    "label_names": ["bad", "good"],
    "metric": {"path": "accuracy", "greater_is_better": {"accuracy": True}},
    "recipe": {},
}
LOSS = {"path": "mse", "greater_is_better": {"mse": False}}


def message(**changes: Any) -> str:
    with pytest.raises(TaskError) as caught:
        parse_card("reviews", CARD | changes)
    return str(caught.value)


def test_smallest_card() -> None:
    card = parse_card("reviews", CARD)
    assert (card.name, card.text_columns, card.label_names) == ("reviews", ("text",), ("bad", "good"))
    assert (card.num_labels, card.metric_for_best_model) == (2, "accuracy")
    assert (card.recipe("full", "x"), card.floors("full", "x"), card.dataset, card.data) == ({}, {}, None, None)


def test_regression_has_one_number() -> None:
    table = CARD | {"head": "regression", "metric": LOSS}
    del table["label_names"]
    assert parse_card("stars", table).num_labels == 1


def test_dataset_is_named_as_load_dataset_names_it() -> None:
    card = parse_card("reviews", CARD | {"dataset": {"path": "nyu-mll/glue", "name": "mrpc"}})
    assert card.dataset == HubDataset("nyu-mll/glue", "mrpc", None)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"label_colum": "x"}, "unknown key 'label_colum'. Did you mean 'label_column'? Known: description, head, "),
    ({"text_columns": "text"}, "text_columns must be a list, not 'text'."),
    ({"data": ["../data"]}, "data must be a str, not ['../data']."),
    ({"head": "regresion"}, "unknown head 'regresion'. Did you mean 'regression'? Known: "),
    ({"text_columns": []}, "text_columns must be one or two column names, not []."),
    ({"text_columns": ["a", "b", "c"]}, "text_columns must be one or two column names, not ['a', 'b', 'c']."),
    ({"text_columns": [1]}, "text_columns must be names of columns, not [1]."),
    ({"label_names": ["x", "x"]}, "label_names must be distinct strings, not ['x', 'x']."),
    ({"label_names": [0, 1]}, "label_names must be distinct strings, not [0, 1]."),
    ({"label_names": ["x"]}, "label_names must name at least two classes, in the order of their ids."),
    ({"head": "regression"}, "label_names must be absent: head 'regression' has no classes."),
    ({"dataset": {"name": "mrpc"}}, "[dataset] takes path, name and revision, as datasets.load_dataset does; path is"),
    ({"dataset": {"path": "x", "split": "train"}}, "[dataset] takes path, name and revision"),
    ({"metric": {"path": "accuracy"}}, "[metric] takes path and config_name, as evaluate.load does, and greater_is_"),
    ({"metric": {"path": "x", "greater_is_better": {}}}, "[metric] takes path and config_name"),
    (
        {"metric": {"path": "x", "greater_is_better": {"x": 1}}},
        "metric.greater_is_better must have values true or false, not",
    ),
    ({"checkpoint": {"tinny": "x"}}, "checkpoint.tinny: unknown tier 'tinny'. Did you mean 'tiny'? Known: full, tiny."),
    ({"checkpoint": {"tiny": 3}}, "checkpoint.tiny must be the name of a checkpoint or its folder, not 3."),
    ({"recipe": {"tinny": {}}}, "recipe.tinny: unknown tier 'tinny'. Did you mean 'tiny'? Known: full, tiny."),
    ({"recipe": {"tiny": 3}}, "recipe.tiny must be a table, not 3."),
    ({"trainer": ""}, "trainer must name a factory, such as my_project.train:build_trainer, not ''."),
    ({"trainer": ["train:build"]}, "trainer must be a str, not ['train:build']."),
    (
        {"checks": {"data.rows": 3}},
        "checks.data.rows must be a table of thresholds, such as { rows = 0.9 } or { skip = ",
    ),
    ({"checks": {"data.rows": {"most": "3"}}}, "checks.data.rows.most must be a finite number, not '3'."),
    ({"checks": {"data.rows": {"most": True}}}, "checks.data.rows.most must be a finite number, not True."),
    ({"checks": {"data.rows": {"most": float("nan")}}}, "checks.data.rows.most must be a finite number, not nan."),
    (
        {"checks": {"data.rows": {"skip": " "}}},
        "checks.data.rows.skip must be the reason why the check is not run, not ' '.",
    ),
    (
        {"checks": {"data.rows": {"skip": True}}},
        "checks.data.rows.skip must be the reason why the check is not run, not True.",
    ),
    (
        {"checks": {"data": {"rows": {"most": 3}}}},
        'checks.data.rows: put the id of the check into quotes: [tool.ftcheck.tasks.reviews.checks."data.rows"].',
    ),
]


@pytest.mark.parametrize(("changes", "expected"), WRONG)
def test_wrong_card_is_explained(changes: dict[str, Any], expected: str) -> None:
    assert message(**changes).startswith(f"task card 'reviews': {expected}")


WRONG_FLOORS: list[tuple[dict[str, Any], str]] = [
    (
        {"acuracy": 0.7},
        (
            "floors.acuracy: unknown metric 'acuracy'. Did you mean 'accuracy'? Known: accuracy, brier_score, "
            "expected_calibration_error, loss, mse. "
            "Declare its direction in metric.greater_is_better, or remove the floor."
        ),
    ),
    ({"tiny": {"tiny-bert": {"f1": 0.7}}}, "floors.tiny.tiny-bert.f1: unknown metric 'f1'."),
    ({"tinny": {"accuracy": 0.7}}, "floors.tinny: unknown tier 'tinny'. Did you mean 'tiny'? Known: full, tiny."),
    (
        {"mse": 0.1},
        "floors.mse: a smaller mse is better, so that it needs a ceiling instead of a floor. Write { max = 0.1 }.",
    ),
    ({"full": {"accuracy": "0.7"}}, "floors.full.accuracy must be a finite number, not '0.7', or a table"),
    ({"accuracy": True}, "floors.accuracy must be a finite number, not True, or a table"),
    ({"accuracy": float("nan")}, "floors.accuracy must be a finite number, not nan, or a table"),
    ({"accuracy": float("-inf")}, "floors.accuracy must be a finite number, not -inf, or a table"),
    (
        {"full": {"bert-v1": {"5": {"accuracy": 0.7}}}},
        (
            "floors.full.bert-v1.5: tables of floors are nested by tier and checkpoint, not deeper. "
            "Put the name of a checkpoint with a dot into quotes."
        ),
    ),
]


@pytest.mark.parametrize(("floors", "expected"), WRONG_FLOORS)
def test_wrong_floor_is_explained(floors: dict[str, Any], expected: str) -> None:
    metric = {"path": "accuracy", "greater_is_better": {"accuracy": True, "mse": False}}
    assert message(metric=metric, floors=floors).startswith(f"task card 'reviews': {expected}")


def test_every_missing_key_is_named() -> None:
    with pytest.raises(TaskError, match=r"^task card 'x': missing head, text_columns, label_column, metric, recipe\.$"):
        parse_card("x", {})


def test_floors_of_the_innermost_table_win() -> None:
    floors = {"accuracy": 0.5, "tiny": {"accuracy": 0.6, "tiny-bert": {"accuracy": 0.7}}, "full": {}}
    card = parse_card("reviews", CARD | {"floors": floors})
    by_place = [card.floors(*place) for place in (("full", "x"), ("tiny", "x"), ("tiny", "tiny-bert"))]
    assert by_place == [{"accuracy": 0.5}, {"accuracy": 0.6}, {"accuracy": 0.7}]


def test_recipe_is_layered_and_keeps_what_is_not_overruled() -> None:
    recipe = {"seed": 1, "learning_rate": 1e-5, "full": {"learning_rate": 2e-5, "org/bert": {"learning_rate": 3e-5}}}
    card = parse_card("reviews", CARD | {"recipe": recipe})
    assert card.recipe("full", "org/bert") == {"seed": 1, "learning_rate": 3e-5}
    assert card.recipe("tiny", "org/bert") == {"seed": 1, "learning_rate": 1e-5}


def test_recipe_keeps_hyperparameters_that_are_tables() -> None:
    recipe = {"tiny": {"lr_scheduler_kwargs": {"num_cycles": 2}, "tiny-bert": {"warmup_steps": 3}}}
    card = parse_card("reviews", CARD | {"recipe": recipe})
    assert card.recipe("tiny", "other") == {"lr_scheduler_kwargs": {"num_cycles": 2}}


def test_checkpoint_with_the_name_of_a_key_changes_nothing() -> None:
    card = parse_card("reviews", CARD | {"floors": {"tiny": {"accuracy": 0.6}}})
    assert card.floors("tiny", "accuracy") == {"accuracy": 0.6}


def test_unknown_task_is_explained() -> None:
    with pytest.raises(TaskError) as caught:
        load_card("MPRC", {"reviews": CARD})
    assert str(caught.value) == (
        "unknown task 'MPRC'. Did you mean 'mrpc'? "
        f"Known: {', '.join(sorted([*builtin_tasks(), 'reviews']))}. "
        "Give one of these, or describe your task in [tool.ftcheck.tasks.MPRC]; --ftcheck-list shows the cards."
    )


def test_table_of_the_user_changes_only_what_it_holds() -> None:
    mine = {"recipe": {"tiny": {"learning_rate": 5e-4}}, "floors": {"accuracy": 0.9}}
    before, after = load_card("mrpc", {}), load_card("mrpc", {"mrpc": mine})
    assert after.recipe("tiny", "tiny-bert") == before.recipe("tiny", "tiny-bert") | {"learning_rate": 5e-4}
    assert after.recipe("full", "x") == before.recipe("full", "x")
    assert after.floors("tiny", "x")["accuracy"] == 0.9
    assert (after.metric, after.dataset) == (before.metric, before.dataset)


def test_what_the_user_says_for_all_goes_before_what_the_card_says_for_a_tier_or_checkpoint() -> None:
    mine = {"recipe": {"num_train_epochs": 1}, "floors": {"accuracy": 0.97}}
    card = load_card("mrpc", {"mrpc": mine})
    for tier, checkpoint in (("tiny", "tiny-bert"), ("full", "minilm-l6")):
        assert card.recipe(tier, checkpoint)["num_train_epochs"] == 1
        assert card.floors(tier, checkpoint)["accuracy"] == 0.97
    assert card.floors("tiny", "tiny-bert")["f1"] == load_card("mrpc", {}).floors("tiny", "tiny-bert")["f1"]


def test_merging_leaves_the_tables_as_they_were() -> None:
    mine = {"mrpc": {"recipe": {"tiny": {"learning_rate": 5e-4}}}}
    load_card("mrpc", mine)
    assert mine == {"mrpc": {"recipe": {"tiny": {"learning_rate": 5e-4}}}}
    assert load_card("mrpc", {}).recipe("tiny", "x")["learning_rate"] != 5e-4


def test_known_tables_are_the_built_in_ones_and_the_users() -> None:
    tables = known_tables({"reviews": CARD, "mrpc": {"description": "mine"}})
    assert set(tables) == {*builtin_tasks(), "reviews"}
    assert tables["mrpc"] == builtin_tasks()["mrpc"] | {"description": "mine"}
    assert tables["reviews"] == CARD


def test_the_table_of_a_trainer_may_leave_out_what_the_trainer_tells() -> None:
    table = {"trainer": "train.py:build", "floors": {"accuracy": 0.9}}
    assert card_table("reviews", {"reviews": table}) == table
    with pytest.raises(TaskError, match="missing head"):
        load_card("reviews", {"reviews": table})


def test_the_card_of_a_trainer_may_have_no_text() -> None:
    card = parse_card("reviews", CARD | {"trainer": "train.py:build", "text_columns": []})
    assert (card.trainer, card.text_columns) == ("train.py:build", ())
    assert parse_card("reviews", CARD).trainer is None


def test_checks_of_a_card_are_thresholds_and_reasons() -> None:
    card = parse_card(
        "reviews", CARD | {"checks": {"data.rows": {"most": 3, "skip": "we know"}, "model.finite": {"tolerance": 0.5}}}
    )
    assert card.thresholds == {"data.rows": {"most": 3.0}, "model.finite": {"tolerance": 0.5}}
    assert card.skipped == {"data.rows": "we know"}
    assert (parse_card("reviews", CARD).thresholds, parse_card("reviews", CARD).skipped) == ({}, {})


def test_checks_of_the_user_are_merged_into_those_of_a_built_in_card() -> None:
    table = card_table("mrpc", {"mrpc": {"checks": {"data.rows": {"most": 3}}}})
    before = builtin_tasks()["mrpc"].get("checks", {})
    assert table["checks"] == before | {"data.rows": {"most": 3}}
