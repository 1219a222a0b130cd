"""The recipe: hyperparameters with the names of TrainingArguments; unknown names are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.training.recipe import training_arguments

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transformers import TrainingArguments

    from pytest_ftcheck.pipeline.parts import Pipeline


@pytest.fixture(scope="module")
def pipeline(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("mrpc", train_rows=8, eval_rows=4)


@pytest.fixture
def arguments(pipeline: Pipeline, tmp_path: Path) -> Callable[..., TrainingArguments]:
    def make(**recipe: Any) -> TrainingArguments:
        changed = replace(pipeline, args={**pipeline.args, **recipe})
        return training_arguments(changed, seed=5, device="cpu", output_dir=tmp_path)

    return make


def test_recipe_seed_device_and_folder_are_taken(arguments: Callable[..., TrainingArguments], tmp_path: Path) -> None:
    args = arguments(learning_rate=3e-4, weight_decay=0.25)
    assert (args.learning_rate, args.weight_decay) == (3e-4, 0.25)
    assert (args.seed, args.use_cpu, args.output_dir) == (5, True, str(tmp_path))


def test_defaults_evaluate_each_epoch_keep_the_best_and_hide_nothing(
    arguments: Callable[..., TrainingArguments],
) -> None:
    args = arguments()
    assert (args.eval_strategy, args.save_strategy, args.load_best_model_at_end) == ("epoch", "best", True)
    assert (args.metric_for_best_model, args.greater_is_better) == ("accuracy", True)
    assert not args.logging_nan_inf_filter
    assert args.report_to == []


def test_recipe_may_change_a_default(arguments: Callable[..., TrainingArguments]) -> None:
    assert not arguments(load_best_model_at_end=False).load_best_model_at_end


@pytest.mark.parametrize(
    ("metric", "greater"), [("loss", False), ("eval_loss", False), ("f1", True), ("eval_accuracy", True)]
)
def test_metric_that_the_recipe_names_goes_in_its_own_direction(
    arguments: Callable[..., TrainingArguments],
    metric: str,
    greater: bool,  # noqa: FBT001 - a parameter
) -> None:
    args = arguments(metric_for_best_model=metric)
    assert (args.metric_for_best_model, args.greater_is_better) == (metric, greater)


@pytest.mark.parametrize(
    ("name", "closest"),
    [
        ("learning_rat", "learning_rate"),
        ("evaluation_strategy", "eval_strategy"),
        ("max_lenght", "max_length"),
        ("num_epochs", "num_train_epochs"),
    ],
)
def test_unknown_hyperparameter_is_refused_with_the_closest_match(
    arguments: Callable[..., TrainingArguments], name: str, closest: str
) -> None:
    with pytest.raises(TaskError) as caught:
        arguments(**{name: 1})
    message = str(caught.value)
    assert f"unknown hyperparameter of task 'mrpc' '{name}'. Did you mean '{closest}'?" in message
    assert "TrainingArguments, max_length and fast_cpu" in message
    assert len(message) < 300  # the hundred known names are left out


@pytest.mark.parametrize("name", ["seed", "use_cpu", "output_dir"])
def test_what_the_settings_decide_is_no_hyperparameter(arguments: Callable[..., TrainingArguments], name: str) -> None:
    with pytest.raises(TaskError, match=f"unknown hyperparameter of task 'mrpc' '{name}'"):
        arguments(**{name: 1})


@pytest.mark.parametrize(
    "recipe", [{"eval_strategy": "sometimes"}, {"optim": "adamw"}, {"warmup_steps": -1}, {"bf16": True, "fp16": True}]
)
def test_value_that_training_arguments_refuses_is_a_task_error(
    arguments: Callable[..., TrainingArguments], recipe: dict[str, Any]
) -> None:
    with pytest.raises(TaskError, match="recipe of task 'mrpc': "):
        arguments(**recipe)
