"""Short fine-tunes in memory."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from pytest_ftcheck.errors import CheckFailure, TaskError
from pytest_ftcheck.runs.environment import describe_environment
from pytest_ftcheck.training.fingerprint import fingerprint_rows
from pytest_ftcheck.training.probe import constant_rates, probe, without_dropout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.training.probe import Probe

CPU = describe_environment("cpu", "float32", threads=1)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def pipeline(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("mrpc", train_rows=32, eval_rows=16, per_device_train_batch_size=8)


@pytest.fixture(scope="module")
def make(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Probe]:
    def short(engine: str = "trainer", **changes: Any) -> Probe:
        folder = tmp_path_factory.mktemp("probe")
        return probe(pipeline, engine=engine, seed=0, environment=CPU, folder=folder, **changes)

    return short


@pytest.mark.parametrize("engine", ["trainer", "manual"])
def test_probe_holds_all_that_it_left(make: Callable[..., Probe], engine: str) -> None:
    made = make(engine, steps=3)
    assert len(made.losses) == made.trace.steps == 3
    assert made.logits.shape == (8, 2)
    assert "classifier.weight" in made.weights
    assert all(tensor.device.type == "cpu" for tensor in made.weights.values())
    assert not list(made.folder.glob("checkpoint-*"))


def test_equal_probes_are_equal_and_a_repetition_is_one(make: Callable[..., Probe]) -> None:
    first, second = make(steps=2), make(steps=2, repetition=1)
    assert first.losses == second.losses
    assert all(torch.equal(tensor, second.weights[name]) for name, tensor in first.weights.items())


@pytest.mark.parametrize("engine", ["trainer", "manual"])
def test_rows_can_be_chosen_and_evaluated(make: Callable[..., Probe], pipeline: Pipeline, engine: str) -> None:
    made = make(engine, steps=2, train_rows=(3, 5), eval_split="train_dataset", eval_rows=99)
    rows = fingerprint_rows(pipeline.train_dataset.select([3, 5])["input_ids"], pipeline.pad_id)
    trained = [seen for seen in made.trace.passes if seen.kind == "train"]
    assert [sorted(seen.rows) for seen in trained] == [sorted(rows)] * 2
    assert made.logits.shape == (2, 2)
    assert made.trace.passes[-1].rows == tuple(rows)


@pytest.mark.parametrize("engine", ["trainer", "manual"])
def test_learning_rate_can_be_held(make: Callable[..., Probe], engine: str) -> None:
    held = make(engine, steps=3, learning_rate_factor=10.0, learning_rate=1e-4, warmup_steps=2)
    assert [rate for rates in held.trace.learning_rates for rate in rates] == pytest.approx([1e-3] * 6)
    still = make(engine, steps=2, learning_rate_factor=0.0)
    assert all(parameter.moved == 0 for parameter in still.trace.parameters)
    assert all(norm > 0 for norm in still.trace.gradient_norms)


def test_dropout_can_be_left_out(make: Callable[..., Probe]) -> None:
    first, second = (make("trainer", steps=2, dropout=False), make("manual", steps=2, dropout=False))
    assert first.losses == pytest.approx(second.losses, abs=1e-5)
    assert first.losses != make("trainer", steps=2).losses


def test_recipe_can_be_changed_and_is_checked(make: Callable[..., Probe]) -> None:
    assert make(steps=2, gradient_accumulation_steps=2).trace.micro_steps == (2, 2)
    with pytest.raises(TaskError, match="learning_rat"):
        make(steps=2, learning_rat=1e-3)


def test_run_can_be_resumed(make: Callable[..., Probe]) -> None:
    whole = make(steps=4, save_strategy="steps", save_steps=2, save_only_model=False, save_total_limit=None)
    rest = make(steps=4, resume_from=whole.folder / "checkpoint-2")
    assert rest.losses == whole.losses[2:]


def test_early_stopping_does_not_mind(make_pipeline: Callable[..., Pipeline], tmp_path: Any) -> None:
    from transformers import EarlyStoppingCallback, Trainer

    stock = Trainer.__init__

    def stops(self: Any, *args: Any, **kwargs: Any) -> None:
        stock(self, *args, **kwargs)
        self.add_callback(EarlyStoppingCallback())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "__init__", stops)
        pipeline = make_pipeline("mrpc", train_rows=8, eval_rows=8)
        made = probe(pipeline, engine="trainer", seed=0, environment=CPU, folder=tmp_path, steps=2)
    assert len(made.losses) == 2


def test_loss_that_is_not_finite_ends_a_probe(make: Callable[..., Probe]) -> None:
    with pytest.raises(CheckFailure, match="a finite training loss at every optimizer step"):
        make(steps=8, learning_rate=1e30, max_grad_norm=0.0)


def test_garbage_collection_is_left_as_it_was(make: Callable[..., Probe]) -> None:
    before = gc.get_freeze_count()
    make("manual", steps=1)
    assert gc.get_freeze_count() <= before


# -- its tools --------------------------------------------------------------------------------------------------------


def test_every_kind_of_dropout_is_switched_off() -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention_dropout = 0.3
            self.layerdrop = 0.2
            self.dropout = nn.Dropout(0.1)
            self.embedding_dropout = nn.Dropout1d(0.4)
            self.scale = 0.5

    model = Functional()
    without_dropout(model)
    assert (model.attention_dropout, model.layerdrop, model.dropout.p, model.embedding_dropout.p) == (0, 0, 0, 0)
    assert model.scale == 0.5


def test_rates_are_held_against_any_schedule() -> None:
    weight = nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([{"params": [weight], "lr": 0.1}])
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1)
    seen = []
    with constant_rates(2.0):
        for _ in range(3):
            weight.grad = torch.ones(1)
            optimizer.step()
            seen.append(optimizer.param_groups[0]["lr"])
            scheduler.step()
    assert seen == pytest.approx([0.2] * 3)
    optimizer.param_groups[0]["lr"] = 0.7
    optimizer.step()
    assert optimizer.param_groups[0]["lr"] == 0.7
