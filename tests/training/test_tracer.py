"""The tracer: what the hooks see of a model and its optimizers, written down as a trace."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from transformers import get_linear_schedule_with_warmup

from pytest_ftcheck.training.tracer import Tracer
from tests.training.traced import PAD, ROWS, Model, adamw, batch, train

if TYPE_CHECKING:
    from pytest_ftcheck.runs.trace import ParameterTrace, Trace


def by_name(trace: Trace) -> dict[str, ParameterTrace]:
    return {parameter.name: parameter for parameter in trace.parameters}


# -- optimizers -------------------------------------------------------------------------------------------------------


def test_every_optimizer_step_is_seen(tracer: Tracer, model: Model) -> None:
    optimizer = adamw(model)
    scheduler = get_linear_schedule_with_warmup(optimizer, 0, 4)
    tracer.scheduled_by(scheduler)

    def step() -> None:
        optimizer.step()
        scheduler.step()

    trace = train(tracer, model, optimizer, steps=3, micro_steps=2, step=step)
    assert trace.steps == 3
    assert trace.micro_steps == (2, 2, 2)
    assert trace.learning_rates == ((1e-2,), (7.5e-3,), (5e-3,))
    assert trace.base_learning_rates == (1e-2,)
    assert (trace.scheduler_steps, trace.schedule_length) == (3, 4)
    assert all(norm > 0 for norm in trace.gradient_norms)


def test_gradient_norm_is_of_what_the_optimizer_gets(tracer: Tracer, model: Model) -> None:
    optimizer = adamw(model)

    def clipped() -> None:
        nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
        optimizer.step()

    trace = train(tracer, model, optimizer, step=clipped)
    assert trace.gradient_norms == pytest.approx([1e-3] * 3, rel=1e-3)
    largest = math.hypot(*(parameter.gradient for parameter in trace.parameters))
    assert largest == pytest.approx(1e-3, rel=0.5)


def test_groups_and_decay_of_every_parameter(tracer: Tracer, model: Model) -> None:
    head = {"params": list(model.head.parameters()), "weight_decay": 0.1, "lr": 1e-3}
    rest = {"params": [*model.norm.parameters()], "weight_decay": 0.0}
    trace = train(tracer, model, torch.optim.AdamW([head, rest], lr=1e-2))
    assert trace.learning_rates[0] == trace.base_learning_rates == (1e-3, 1e-2)
    seen = {name: (parameter.groups, parameter.weight_decay) for name, parameter in by_name(trace).items()}
    assert seen == {
        "embedding.weight": ((), 0.0),
        "norm.weight": ((1,), 0.0),
        "norm.bias": ((1,), 0.0),
        "head.weight": ((0,), 0.1),
        "head.bias": ((0,), 0.1),
    }
    special = {name for name, parameter in by_name(trace).items() if parameter.normalisation_or_bias}
    assert special == {"norm.weight", "norm.bias", "head.bias"}


def test_two_optimizers_make_one_step(tracer: Tracer, model: Model) -> None:
    first = torch.optim.SGD(model.embedding.parameters(), lr=0.1)
    second = torch.optim.SGD([*model.norm.parameters(), *model.head.parameters()], lr=0.2)

    def step() -> None:
        first.step()
        second.step()

    trace = train(tracer, model, first, step=step)
    assert trace.learning_rates == ((0.1, 0.2),) * 3
    assert trace.micro_steps == (1, 1, 1)
    assert {parameter.groups for parameter in trace.parameters} == {(0,), (1,)}


def test_optimizer_that_wraps_another_makes_one_step(tracer: Tracer, model: Model) -> None:
    inner = adamw(model)

    class Wrapper(torch.optim.Optimizer):
        def __init__(self) -> None:
            super().__init__(inner.param_groups, {})

        def step(self, closure: Any = None) -> Any:
            return inner.step(closure)

    assert train(tracer, model, Wrapper()).steps == 3


def test_second_step_on_the_same_batch_is_one_more(tracer: Tracer, model: Model) -> None:
    optimizer = adamw(model)

    def twice() -> None:
        optimizer.step()
        optimizer.step()

    trace = train(tracer, model, optimizer, step=twice)
    assert trace.steps == 6
    assert trace.micro_steps == (1, 0) * 3


def test_optimizer_of_another_model_is_not_seen(tracer: Tracer, model: Model) -> None:
    trace = train(tracer, model, adamw(Model()))
    assert (trace.steps, trace.gradient_norms) == (0, ())
    assert all(parameter.moved == 0 for parameter in trace.parameters)


def test_rate_that_the_optimizer_chooses_is_none(tracer: Tracer, model: Model) -> None:
    optimizer = adamw(model)
    tracer.train_batch(batch(*ROWS))
    optimizer.param_groups[0]["lr"] = None
    tracer._before_step(optimizer, (), {})
    assert math.isnan(tracer.finish().learning_rates[0][0])


def test_parameters_that_join_later_are_in_their_group(tracer: Tracer, model: Model) -> None:
    optimizer = torch.optim.SGD(model.head.parameters(), lr=0.1)
    train(tracer, model, optimizer, steps=1)
    optimizer.add_param_group({"params": list(model.norm.parameters())})
    trace = train(tracer, model, optimizer, steps=1)
    assert by_name(trace)["norm.weight"].groups == (1,)


def test_moved_and_scale_are_those_of_the_weights(tracer: Tracer, model: Model) -> None:
    model.embedding.requires_grad_(requires_grad=False)
    before = model.head.weight.detach().clone()
    trace = by_name(train(tracer, model, adamw(model)))
    assert trace["head.weight"].moved == pytest.approx(float((model.head.weight.detach() - before).abs().max()))
    assert trace["head.weight"].scale == pytest.approx(float(before.abs().max()))
    assert trace["head.weight"].size == 8
    assert trace["embedding.weight"].moved == trace["embedding.weight"].gradient == 0


def test_trainable_is_what_was_so_at_first_or_at_last(tracer: Tracer, model: Model) -> None:
    model.head.requires_grad_(requires_grad=False)
    trace = by_name(train(tracer, model, adamw(model)))
    assert trace["head.weight"].trainable
    frozen = Tracer(PAD)
    with frozen.watching():
        frozen.watch(model)
        assert not by_name(frozen.finish())["head.weight"].trainable
        model.head.requires_grad_(requires_grad=True)
        assert by_name(frozen.finish())["head.weight"].trainable


# -- gradients that were left -----------------------------------------------------------------------------------------


def test_gradients_of_the_step_before_are_seen(tracer: Tracer, model: Model) -> None:
    optimizer = adamw(model)
    optimizer.zero_grad = lambda *_: None  # type: ignore[method-assign]  # of this one alone
    assert train(tracer, model, optimizer, steps=4).stale_gradients == (2, 3, 4)


def test_zeros_are_no_gradients(tracer: Tracer, model: Model) -> None:
    optimizer = adamw(model)
    zero = optimizer.zero_grad
    optimizer.zero_grad = lambda *_: zero(set_to_none=False)  # type: ignore[method-assign]  # of this one alone
    assert train(tracer, model, optimizer, micro_steps=2).stale_gradients == ()


def test_later_backward_passes_of_a_step_find_the_first(tracer: Tracer, model: Model) -> None:
    optimizer = adamw(model)
    for _ in range(3):
        tracer.train_batch(batch(*ROWS))
        for _ in range(2):
            model.train()(**batch(*ROWS))["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
    assert tracer.finish().stale_gradients == ()


def test_nothing_is_watched_afterwards(model: Model) -> None:
    tracer = Tracer(PAD)
    with tracer.watching():
        tracer.watch(model)
        tracer.watch(model)
        optimizer = adamw(model)
        train(tracer, model, optimizer, steps=1)
    assert train(tracer, model, optimizer, steps=2).steps == 1
    assert not model._forward_hooks
    assert not model._forward_pre_hooks


def test_schedule_of_anyone_else_does_not_tell_its_length(tracer: Tracer, model: Model) -> None:
    tracer.scheduled_by(torch.optim.lr_scheduler.ExponentialLR(adamw(model), 0.9))
    assert tracer.finish().schedule_length is None
