"""Parts that come from a card and a checkpoint: nothing of the training is the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from transformers import Trainer

from pytest_ftcheck.pipeline.card_source import CardSource
from pytest_ftcheck.runs.key import run_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.pipeline.source import Source


@pytest.fixture(scope="module")
def parts(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("mrpc", train_rows=8, eval_rows=8)


def test_a_card_is_the_source_of_its_pipeline(parts: Pipeline) -> None:
    source: Source = parts.source
    assert source == CardSource()
    assert (source.spec, source.inputs, source.seed, source.pad_id) == (None, None, None, None)
    assert source.loads_model
    assert not source.trains_as_script
    assert source.held_back("cpu") == ()


def test_an_engine_makes_arguments_and_trainer_of_the_parts(parts: Pipeline) -> None:
    assert parts.source.arguments(parts.args) is None
    where = {"device": "cpu", "output_dir": Path("unused")}
    assert parts.source.make_trainer(parts, seed=0, steps=None, **where) is None  # type: ignore[arg-type]  # all three


def test_rows_are_the_pipelines_own(parts: Pipeline) -> None:
    rows = parts.source.rows
    assert rows.tokenized_here
    assert rows.formatted(parts.eval_dataset) is parts.eval_dataset
    for name in ("train_dataset", "eval_dataset"):
        assert rows.given(name, parts.train_dataset) is parts.train_dataset
        assert rows.count(name) == 0
        assert not rows.is_streamed(name)
    assert rows.evaluation_collator(parts.data_collator) is parts.data_collator


def test_loss_is_the_models(parts: Pipeline) -> None:
    model = parts.model_init().eval()
    batch = dict(parts.data_collator([parts.eval_dataset[index] for index in range(4)]))
    with torch.no_grad():
        expected = model(**batch).loss
        assert torch.equal(parts.source.loss.of_batch(model, batch), expected)
    assert parts.source.loss.is_of_model
    assert parts.source.loss.weighs_micro_batches


def test_there_is_one_evaluation_set_with_the_cards_metrics(parts: Pipeline) -> None:
    evaluation = parts.source.evaluation
    assert (evaluation.judged_set, evaluation.unjudged_sets, evaluation.best_metric) == (None, (), None)
    assert evaluation.ends_with_judged_rows
    assert evaluation.gives_all_declared


def test_no_part_is_the_users_own(parts: Pipeline) -> None:
    own = parts.source.own
    assert own.trainer_class is Trainer
    assert own.model_class.__module__.startswith("transformers.")
    assert own.optimizer is own.lr_scheduler is own.compute_loss_func is own.sampler is None
    assert not own.callbacks
    assert not own.makes_optimizer
    assert not own.makes_schedule
    assert own.methods("compute_loss", "create_optimizer") == ()


def test_it_is_described_alike_in_every_session(parts: Pipeline, tmp_path: Path) -> None:
    environment = {"device": "cpu", "dtype": "float32", "threads": "1", "kernels": "PyTorch"}
    keys = [
        run_key(parts, engine="trainer", seed=0, environment=environment, session=session, root=tmp_path)
        for session in ("one", "another")
    ]
    assert keys[0] == keys[1]
    assert not keys[0].unstable
