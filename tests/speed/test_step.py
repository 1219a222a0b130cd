"""The training step that a benchmark calls: a real optimizer step, on a model of its own."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from pytest_ftcheck.pipeline.trainer_changes import ChangedModel
from pytest_ftcheck.speed.step import DEFAULT_BATCH_SIZE, TrainingStep
from pytest_ftcheck.training.probe import without_dropout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ftcheck.pipeline.parts import Pipeline


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def pipeline(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    pipeline = make_pipeline("mrpc", train_rows=12, eval_rows=4, per_device_train_batch_size=8)
    return replace(pipeline, model_init=ChangedModel(pipeline.model_init, without_dropout))


def with_recipe(pipeline: Pipeline, **recipe: Any) -> Pipeline:
    return replace(pipeline, args={**pipeline.args, **recipe})


def losses(pipeline: Pipeline, steps: int = 3, seed: int = 0) -> list[float]:
    step = TrainingStep(pipeline, device="cpu", seed=seed)
    return [float(step()) for _ in range(steps)]


@pytest.mark.parametrize("recipe", [{}, {"max_grad_norm": 0.0}], ids=["clipped", "not clipped"])
def test_loss_falls_from_call_to_call(pipeline: Pipeline, recipe: dict[str, Any]) -> None:
    seen = losses(with_recipe(pipeline, **recipe), steps=8)
    assert seen[-1] < seen[0] - 0.1
    assert all(math.isfinite(loss) for loss in seen)


def test_loss_is_that_before_the_update(pipeline: Pipeline) -> None:
    step = TrainingStep(pipeline, device="cpu")
    torch.manual_seed(0)
    model = pipeline.model_init()
    expected = model(**step.batch).loss
    observed = step()
    assert float(observed) == pytest.approx(float(expected.detach()), abs=1e-6)
    assert not observed.requires_grad


def test_gradients_do_not_add_up(pipeline: Pipeline) -> None:
    step = TrainingStep(pipeline, device="cpu")
    step()
    assert all(parameter.grad is None or not parameter.grad.any() for parameter in step._model.parameters())


def test_recipe_decides_learning_rate_and_clipping(pipeline: Pipeline) -> None:
    assert losses(with_recipe(pipeline, learning_rate=0.0))[0] == losses(with_recipe(pipeline, learning_rate=0.0))[2]
    usual = losses(pipeline)
    assert losses(with_recipe(pipeline, learning_rate=2e-3)) != usual
    assert losses(with_recipe(pipeline, max_grad_norm=1e-9)) != usual


def test_same_seed_gives_the_same_steps(pipeline: Pipeline) -> None:
    assert losses(pipeline) == losses(pipeline)
    assert losses(pipeline) != losses(pipeline, seed=1)


@pytest.mark.parametrize(("recipe", "rows"), [({}, 8), ({"per_device_train_batch_size": 99}, 12)])
def test_rows_and_tokens_are_those_of_the_batch(pipeline: Pipeline, recipe: dict[str, Any], rows: int) -> None:
    step = TrainingStep(with_recipe(pipeline, **recipe), device="cpu")
    texts = pipeline.train_dataset["input_ids"][:rows]
    assert step.rows == rows == len(step.batch["labels"])
    assert step.tokens == sum(map(len, texts))
    assert step.batch["input_ids"].shape == (rows, max(map(len, texts)))
    assert step.tokens < step.batch["input_ids"].numel()


def test_batch_size_that_the_recipe_leaves_out_is_that_of_the_trainer(pipeline: Pipeline) -> None:
    left_out = {name: value for name, value in pipeline.args.items() if name != "per_device_train_batch_size"}
    assert TrainingStep(replace(pipeline, args=left_out), device="cpu").rows == DEFAULT_BATCH_SIZE == 8


def test_columns_that_the_model_does_not_take_are_left_out(pipeline: Pipeline) -> None:
    extended = pipeline.train_dataset.add_column("sentence1", ["text"] * 12)
    step = TrainingStep(replace(pipeline, train_dataset=extended), device="cpu")
    assert set(step.batch) == {"input_ids", "token_type_ids", "attention_mask", "labels"}
    step()


def test_models_of_the_pipeline_are_not_touched(pipeline: Pipeline) -> None:
    torch.manual_seed(0)
    made = pipeline.model_init()
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    step = TrainingStep(pipeline, device="cpu")
    step()
    assert step._model is not made
    assert all(torch.equal(tensor, before[name]) for name, tensor in made.state_dict().items())
    torch.manual_seed(0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in pipeline.model_init().state_dict().items())


@pytest.mark.parametrize(("device", "module"), [("cuda", "cuda"), ("mps", "mps")])
def test_call_waits_for_the_device(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, device: str, module: str
) -> None:
    waited: list[Any] = []
    monkeypatch.setattr(getattr(torch, module), "synchronize", lambda *where: waited.append(where))
    step = TrainingStep(pipeline, device="cpu")
    step()
    assert waited == []
    step.device = torch.device(device)  # the tensors stay on the CPU
    step()
    assert len(waited) == 1
