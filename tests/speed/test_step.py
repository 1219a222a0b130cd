"""The training step that a benchmark calls: the manual engine's own, on a model of its own."""

from __future__ import annotations

import gc
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import TrainingArguments

from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.runs.environment import describe_environment
from pytest_ftcheck.speed.measure import is_compiled
from pytest_ftcheck.speed.step import TrainingStep
from pytest_ftcheck.training.train import engine_outcome

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline


def with_recipe(pipeline: Pipeline, **recipe: Any) -> Pipeline:
    return replace(pipeline, args={**pipeline.args, **recipe})


def losses(pipeline: Pipeline, count: int = 3, **how: Any) -> list[float]:
    step = TrainingStep(pipeline, device="cpu", **how)
    return [float(step()) for _ in range(count)]


@pytest.mark.parametrize("recipe", [{}, {"gradient_accumulation_steps": 2}, {"bf16": True}, {"weight_decay": 0.1}])
def test_steps_are_those_of_the_engine(pipeline: Pipeline, tmp_path: Path, recipe: dict[str, Any]) -> None:
    recipe = {**recipe, "eval_strategy": "no", "save_strategy": "no", "load_best_model_at_end": False}
    changed = with_recipe(pipeline, **recipe)
    environment = describe_environment("cpu", "float32", 1)
    with engine_outcome(changed, engine="manual", seed=3, environment=environment, output_dir=tmp_path) as (_, told):
        expected = list(told.losses)
    assert losses(changed, len(expected), seed=3, steps=6) == pytest.approx(expected, rel=1e-6)


def test_batches_come_again_and_the_loss_falls(pipeline: Pipeline) -> None:
    seen = losses(pipeline, 16, steps=2)
    assert sum(seen[-2:]) < sum(seen[:2]) - 0.2
    assert all(math.isfinite(loss) for loss in seen)


def test_loss_is_detached(step: TrainingStep) -> None:
    assert not step().requires_grad
    assert step.take().shape == ()


def test_gradients_do_not_add_up(step: TrainingStep) -> None:
    step()
    assert all(parameter.grad is None or not parameter.grad.any() for parameter in step.model.parameters())


def test_work_is_that_of_the_batches(pipeline: Pipeline) -> None:
    step = TrainingStep(pipeline, device="cpu", steps=6)
    assert sum(work.rows for work in step.work) == 48
    assert sum(work.tokens for work in step.work) == sum(map(len, pipeline.train_dataset["input_ids"]))
    assert all(work.positions == 8 * work.shapes[0][1] for work in step.work)
    assert step.rows == 8


def test_accumulated_step_has_several_micro_batches(pipeline: Pipeline) -> None:
    step = TrainingStep(with_recipe(pipeline, gradient_accumulation_steps=3), device="cpu", steps=9)
    assert [len(work.shapes) for work in step.work] == [3, 3]
    assert step.rows == 24


def test_rows_are_repeated_where_a_batch_takes_more(pipeline: Pipeline) -> None:
    step = TrainingStep(with_recipe(pipeline, per_device_train_batch_size=100), device="cpu")
    assert [work.rows for work in step.work] == [100]


def test_batches_that_are_not_full_are_left_out(pipeline: Pipeline) -> None:
    step = TrainingStep(with_recipe(pipeline, per_device_train_batch_size=20), device="cpu")
    assert [work.rows for work in step.work] == [20, 20]


def test_columns_that_the_model_does_not_take_are_left_out(pipeline: Pipeline) -> None:
    extended = pipeline.train_dataset.add_column("sentence1", ["text"] * 48)
    step = TrainingStep(replace(pipeline, train_dataset=extended), device="cpu")
    assert set(step.batches[0][0]) == {"input_ids", "token_type_ids", "attention_mask", "labels"}
    step()


def test_models_of_the_pipeline_are_not_touched(pipeline: Pipeline) -> None:
    made = pipeline.model_init()
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    step = TrainingStep(pipeline, device="cpu")
    step()
    step.forward_backward(step.batches[0][0])
    assert all(torch.equal(tensor, before[name]) for name, tensor in made.state_dict().items())


def test_gradients_that_are_only_counted_change_nothing(pipeline: Pipeline) -> None:
    one, other = (TrainingStep(pipeline, device="cpu", steps=2) for _ in range(2))
    other.forward_backward(other.batches[0][0])
    assert [float(one()) for _ in range(3)] == [float(other()) for _ in range(3)]


def test_two_steps_of_other_precision_live_side_by_side(pipeline: Pipeline) -> None:
    alone = losses(pipeline)
    first = TrainingStep(pipeline, device="cpu")
    second = TrainingStep(with_recipe(pipeline, bf16=True), device="cpu")
    seen = []
    for _ in range(3):
        seen.append(float(first()))
        second()
    assert seen == alone


def test_recipe_decides_whether_it_is_compiled(pipeline: Pipeline) -> None:
    step = TrainingStep(with_recipe(pipeline, torch_compile_backend="eager"), device="cpu", steps=2)
    assert is_compiled(step)
    assert [float(step()) for _ in range(3)] == pytest.approx(losses(pipeline, steps=2), rel=1e-5)


def test_what_only_the_trainer_does_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(TaskError, match="Use engine trainer"):
        TrainingStep(with_recipe(pipeline, optim="adafactor"), device="cpu")


def test_folder_goes_with_the_step(pipeline: Pipeline) -> None:
    step = TrainingStep(pipeline, device="cpu")
    assert isinstance(step.args, TrainingArguments)
    folder = Path(str(step.args.output_dir))
    assert folder.is_dir()
    del step
    gc.collect()
    assert not folder.exists()


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_call_waits_for_the_device_and_take_does_not(
    step: TrainingStep, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    waited: list[Any] = []
    monkeypatch.setattr(getattr(torch, device), "synchronize", lambda *where: waited.append(where))
    step()
    assert waited == []
    step.device = torch.device(device)  # the tensors stay on the CPU
    step.take()
    assert waited == []
    step()
    assert len(waited) == 1
