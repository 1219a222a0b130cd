"""Faults of the training do what they say to whatever loop runs meanwhile."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
import torch
from accelerate import Accelerator
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler
from transformers import get_scheduler

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.fault import faults
from pytest_ftcheck.pipeline.card_source import CardSource
from pytest_ftcheck.pipeline.own_parts import TrainerOwnParts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ftcheck.pipeline.parts import Pipeline

    Test = TypeVar("Test", bound=Callable[..., None])


@pytest.fixture
def planted(mrpc: Pipeline, request: pytest.FixtureRequest) -> Iterator[Pipeline]:
    """The pipeline with the fault that the test names, its patches entered."""
    pipeline = faults()[request.param].plant(mrpc)
    with pipeline.patched():
        yield pipeline


def with_fault(name: str) -> Callable[[Test], Test]:
    """Plant a fault for a test, whether it looks at the pipeline or not."""

    def mark(test: Test) -> Test:
        marked: Test = pytest.mark.usefixtures("planted")(test)
        pytest.mark.parametrize("planted", [name], indirect=True)(marked)
        return marked

    return mark


def layer_with_gradient() -> torch.nn.Linear:
    layer = torch.nn.Linear(2, 1)
    layer(torch.ones(1, 2)).sum().backward()
    return layer


@with_fault("zero_grad_missing")
def test_gradients_stay() -> None:
    layer = layer_with_gradient()
    torch.optim.AdamW(layer.parameters()).zero_grad()
    layer.zero_grad()
    assert layer.weight.grad is not None


def test_gradients_go_again_afterwards(mrpc: Pipeline) -> None:
    with faults()["zero_grad_missing"].plant(mrpc).patched():
        layer = layer_with_gradient()
    torch.optim.AdamW(layer.parameters()).zero_grad()
    assert layer.weight.grad is None


def rates(steps: int) -> list[float]:
    optimizer = torch.optim.SGD(layer_with_gradient().parameters(), lr=1.0)
    scheduler = get_scheduler("linear", optimizer, num_warmup_steps=0, num_training_steps=10)
    found = []
    for _ in range(steps):
        found.append(round(optimizer.param_groups[0]["lr"], 6))
        optimizer.step()
        scheduler.step()
    return found


@with_fault("scheduler_stepped_twice")
def test_the_schedule_runs_twice_as_fast() -> None:
    assert rates(4) == [1.0, 0.8, 0.6, 0.4]


@with_fault("scheduler_not_stepped")
def test_the_schedule_stands_still() -> None:
    assert rates(4) == [1.0] * 4


@with_fault("second_stage_too_fast")
def test_the_second_half_is_a_hundred_times_as_fast(planted: Pipeline) -> None:
    from transformers import trainer

    optimizer = torch.optim.SGD(layer_with_gradient().parameters(), lr=1.0)
    scheduler = trainer.get_scheduler("linear", optimizer, num_warmup_steps=0, num_training_steps=4)  # type: ignore[attr-defined]  # imported there
    found = []
    for _ in range(4):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert found == [1.0, 1.0, 100.0, 100.0]
    assert planted.args["load_best_model_at_end"] is False


@with_fault("clipped_to_0")
def test_nothing_is_left_of_the_gradients() -> None:
    layer = layer_with_gradient()
    accelerator = Accelerator(cpu=True)
    assert float(accelerator.clip_grad_norm_(layer.parameters(), float("inf"))) > 0
    assert float(layer.weight.grad.abs().sum()) > 0  # type: ignore[union-attr]  # it is there
    accelerator.clip_grad_norm_(layer.parameters(), 1.0)
    assert float(layer.weight.grad.abs().sum()) == 0  # type: ignore[union-attr]  # as above


def test_what_does_not_clip_cannot_clip_to_0(mrpc: Pipeline) -> None:
    with pytest.raises(NotApplicable, match="the recipe does not clip gradients"):
        faults()["clipped_to_0"].plant(replace(mrpc, args={**mrpc.args, "max_grad_norm": 0.0}))


def groups(layers: list[torch.nn.Linear]) -> list[dict[str, Any]]:
    weights, biases = ([getattr(layer, name) for layer in layers] for name in ("weight", "bias"))
    return [{"params": weights, "weight_decay": 0.1}, {"params": biases, "weight_decay": 0.0}]


@with_fault("half_not_in_optimizer")
def test_every_second_parameter_is_left_out() -> None:
    layers = [torch.nn.Linear(2, 2) for _ in range(4)]
    assert [len(group["params"]) for group in torch.optim.AdamW(groups(layers)).param_groups] == [2, 2]
    assert len(torch.optim.AdamW([p for layer in layers for p in layer.parameters()]).param_groups[0]["params"]) == 4


@with_fault("everything_decays")
def test_biases_decay_too() -> None:
    optimizer = torch.optim.AdamW(groups([torch.nn.Linear(2, 2)]))
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.1]


@pytest.mark.parametrize(("name", "rate"), [("learning_rate_0", 0.0), ("learning_rate_1000_times_too_high", 0.7)])
def test_the_learning_rate_is_changed(mrpc: Pipeline, name: str, rate: float) -> None:
    assert faults()[name].plant(mrpc).args["learning_rate"] == pytest.approx(rate)


def test_an_optimizer_of_its_own_has_its_own_learning_rate(mrpc: Pipeline) -> None:
    source = CardSource(own=TrainerOwnParts(SimpleNamespace(optimizer=object())))
    with pytest.raises(NotApplicable, match="was given an optimizer"):
        faults()["learning_rate_0"].plant(replace(mrpc, source=source))


def order(seed: int, count: int = 64) -> list[int]:
    torch.manual_seed(seed)
    return list(RandomSampler(range(count)))


@with_fault("shuffled_without_seed")
def test_the_seed_does_not_decide_the_order() -> None:
    assert order(0) != order(0)
    assert sorted(order(0)) == list(range(64))


@with_fault("sorted_without_shuffling")
def test_rows_are_sorted_and_come_in_order(planted: Pipeline) -> None:
    assert order(0) == list(range(64))
    labels = list(planted.train_dataset["labels"])
    assert labels == sorted(labels)
    assert list(planted.data.train["label"]) == labels


@with_fault("drawn_with_replacement")
def test_rows_are_drawn_with_replacement() -> None:
    assert len(order(0)) == 64
    assert len(set(order(0))) < 64
    assert order(0) == order(0)
    assert order(0) != order(1)


@with_fault("epoch_cut_short")
def test_an_epoch_has_four_batches_and_an_evaluation_all() -> None:
    assert len(list(BatchSampler(RandomSampler(range(64)), 8, drop_last=False))) == 4
    assert len(list(BatchSampler(SequentialSampler(range(64)), 8, drop_last=False))) == 8


@pytest.mark.parametrize(
    ("planted", "modes"),
    [("eval_mode_forgotten", [True, True]), ("train_mode_forgotten", [False, False])],
    indirect=["planted"],
)
def test_the_mode_stays(planted: Pipeline, modes: list[bool]) -> None:
    model: Any = planted.model_init()
    model.training = model.classifier.training = modes[0]
    assert [model.train().classifier.training, model.eval().classifier.training] == modes


@with_fault("mask_not_passed")
def test_the_mask_does_not_reach_the_model() -> None:
    from pytest_ftcheck.training import manual

    seen: dict[str, Any] = {}

    def model(**batch: Any) -> Any:
        seen.update(batch)
        return SimpleNamespace(loss=torch.zeros(()))

    manual.loss_of_model(model, {"input_ids": torch.ones(1, 1), "attention_mask": torch.ones(1, 1)})  # type: ignore[arg-type]  # called alike
    assert set(seen) == {"input_ids"}


@with_fault("loss_not_divided")
def test_losses_of_micro_batches_are_added_up() -> None:
    from pytest_ftcheck.training import manual

    loop: Any = manual  # where the fault is planted
    layer = torch.nn.Linear(1, 1, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.0)
    recorder = SimpleNamespace(tracer=SimpleNamespace(train_batch=lambda _: None), micro_step=lambda _: None)
    seen: list[float] = []
    optimizer.register_step_pre_hook(lambda *_: seen.append(float(layer.weight.grad)))  # type: ignore[arg-type]  # it is there
    for batches in ([torch.ones(4, 1)], [torch.ones(1, 1)] * 4):
        loop.optimizer_step(
            Accelerator(cpu=True),
            layer,
            optimizer,
            [{"x": rows} for rows in batches],
            compute_loss=lambda model, batch: model(batch["x"]).mean(),
            max_grad_norm=0.0,
            recorder=recorder,
        )
    assert seen == [1.0, 4.0]


@with_fault("last_batch_not_evaluated")
def test_the_last_batch_is_not_evaluated(planted: Pipeline) -> None:
    from transformers import TrainingArguments

    from pytest_ftcheck.training import batches

    assert planted.args["dataloader_drop_last"] is True
    args = TrainingArguments(output_dir="unused", per_device_eval_batch_size=20, dataloader_pin_memory=False)
    loader = batches.make_eval_loader(planted, planted.model_init(), args)
    assert [len(batch["labels"]) for batch in loader] == [20]


@with_fault("train_batches_evaluated")
def test_train_rows_are_evaluated(planted: Pipeline) -> None:
    from transformers import TrainingArguments

    from pytest_ftcheck.training import batches

    args = TrainingArguments(output_dir="unused", per_device_eval_batch_size=32, dataloader_pin_memory=False)
    loader: DataLoader[Any] = batches.make_eval_loader(planted, planted.model_init(), args)
    (batch,) = loader
    assert batch["labels"].tolist() == list(planted.train_dataset["labels"][:32])


@with_fault("best_model_not_loaded")
def test_the_best_weights_are_not_put_back(planted: Pipeline) -> None:
    from transformers import Trainer

    from pytest_ftcheck.training.evaluation import BestEpoch

    assert BestEpoch.restore(None, None) is None  # type: ignore[arg-type,func-returns-value]  # nothing is done with them
    assert Trainer._load_best_model(None) is None  # type: ignore[arg-type,func-returns-value]  # as above
    assert planted.args["load_best_model_at_end"] is True


def test_the_direction_is_turned_round(mrpc: Pipeline) -> None:
    args = faults()["greater_is_better_reversed"].plant(mrpc).args
    assert (args["metric_for_best_model"], args["greater_is_better"]) == ("accuracy", False)


@pytest.mark.parametrize(
    ("planted", "kept"),
    [("resumed_without_optimizer", "scheduler"), ("resumed_without_scheduler", "optimizer")],
    indirect=["planted"],
)
def test_a_state_is_not_restored(planted: Pipeline, kept: str) -> None:
    layer = layer_with_gradient()
    optimizer = torch.optim.AdamW(layer.parameters(), lr=1.0)
    scheduler = get_scheduler("linear", optimizer, num_warmup_steps=0, num_training_steps=10)
    saved = optimizer.state_dict(), scheduler.state_dict()
    optimizer.step()
    scheduler.step()
    scheduler.load_state_dict(saved[1])
    optimizer.load_state_dict(saved[0])
    assert planted.patches
    assert (scheduler.last_epoch == 0) == (kept == "scheduler")
    assert (not optimizer.state_dict()["state"]) == (kept == "optimizer")
