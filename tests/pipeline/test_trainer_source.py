"""Parts that come from a user's Trainer: what the source answers of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from pytest_ftcheck.pipeline.from_trainer import build_trainer_pipeline
from pytest_ftcheck.pipeline.own_parts import TrainerOwnParts
from pytest_ftcheck.pipeline.trainer_source import TrainerSource
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.tasks.card import load_card

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.pipeline.source import Source

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def parts() -> Pipeline:
    settings = Settings(rootdir=HERE, device="cpu", max_train_rows=8)
    return build_trainer_pipeline("mine", "user_train.py:build", {}, settings)


@pytest.fixture
def template(parts: Pipeline) -> Any:
    assert isinstance(parts.source, TrainerSource)
    return parts.source.template


def test_a_trainer_is_the_source_of_its_pipeline(parts: Pipeline, template: Any) -> None:
    source: Source = parts.source
    assert source.spec == "user_train.py:build"
    assert source.seed == template.args.seed
    assert source.pad_id == template.model.config.pad_token_id
    assert not source.loads_model
    assert source.trains_as_script
    assert source.held_back("cpu")[:2] == ("output folder", "seed")
    assert isinstance(source.own, TrainerOwnParts)


def test_arguments_are_the_users_unless_the_pipeline_changes_one(parts: Pipeline, template: Any) -> None:
    own = parts.source.arguments(parts.args)
    assert own is template.args
    assert own is not None
    changed = parts.source.arguments({**parts.args, "learning_rate": 0.25})
    assert changed is not None
    assert (changed.learning_rate, changed.seed) == (0.25, own.seed)


def test_a_run_gets_a_trainer_of_its_own(parts: Pipeline, template: Any, tmp_path: Path) -> None:
    made: Any = parts.source.make_trainer(parts, seed=3, device="cpu", output_dir=tmp_path, steps=None)
    assert type(made) is type(template)
    assert made is not template
    assert made.args.seed == 3
    assert len(made.train_dataset) == 8


def test_rows_are_known_as_the_user_has_them(parts: Pipeline, template: Any) -> None:
    rows = parts.source.rows
    assert not rows.tokenized_here
    assert rows.count("train_dataset") == len(template.train_dataset) > len(parts.train_dataset) == 8
    assert not rows.is_streamed("train_dataset")
    assert rows.given("train_dataset", parts.train_dataset) is parts.train_dataset  # fewer rows took its place
    assert rows.given("eval_dataset", parts.eval_dataset) is template.eval_dataset
    assert rows.given("train_dataset", parts.eval_dataset) is parts.eval_dataset
    assert rows.evaluation_collator(parts.data_collator) is parts.data_collator


def test_loss_is_the_trainers_and_leaves_the_batch_as_it_is() -> None:
    def compute_loss(model: Any, batch: dict[str, Any]) -> torch.Tensor:
        loss: torch.Tensor = model(batch.pop("labels"))
        return loss

    source = TrainerSource("train.py:build", dict)
    source.template = SimpleNamespace(compute_loss=compute_loss)
    model: Any = torch.nn.Threshold(0.0, 0.0)
    batch = {"labels": torch.tensor(2.0)}
    assert source.loss.of_batch(model, batch) == 2.0
    assert list(batch) == ["labels"]
    assert not source.loss.is_of_model
    assert not source.loss.weighs_micro_batches


def test_metrics_are_the_users(parts: Pipeline) -> None:
    source: Any = parts.source
    assert parts.compute_metrics is source.evaluation.judged_metrics(parts.card)
    assert source.evaluation.are_own(parts.compute_metrics)
    assert not source.evaluation.are_own(None)
    assert not source.evaluation.ends_with_judged_rows
    assert not source.evaluation.gives_all_declared


def test_metrics_that_the_user_lacks_are_ours_and_stay_beside_the_trainer() -> None:
    source, card = TrainerSource("train.py:build", dict), load_card("mrpc", {})
    source.template = SimpleNamespace(compute_metrics=None)
    beside = source.evaluation.judged_metrics(card)
    assert source.evaluation.judged_metrics(card) is beside
    assert source.evaluation.are_own(beside)
    assert not source.evaluation.are_own(lambda _: {})


def test_of_several_evaluation_sets_one_is_judged() -> None:
    source = TrainerSource("train.py:build", dict)
    arguments = SimpleNamespace(metric_for_best_model="eval_dev_f1")
    source.template = SimpleNamespace(args=arguments, eval_dataset={"hard": [], "dev": [], "old": []})
    evaluation = source.evaluation
    assert (evaluation.judged_set, evaluation.unjudged_sets) == ("dev", ("hard", "old"))
    assert evaluation.best_metric == "f1"
