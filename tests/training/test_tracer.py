"""The tracer: what the hooks see of a model, its optimizers and its batches, written down as a trace."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from transformers import get_linear_schedule_with_warmup

from pytest_ftcheck.training.fingerprint import fingerprint_rows
from pytest_ftcheck.training.tracer import Tracer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from pytest_ftcheck.runs.trace import ParameterTrace, Trace

PAD = 0


class Model(nn.Module):
    """Embeds, normalises, drops, classifies."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 4)
        self.norm = nn.LayerNorm(4)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(4, 2)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, labels: Tensor | None = None
    ) -> dict[str, Tensor]:
        del attention_mask
        logits = self.head(self.dropout(self.norm(self.embedding(input_ids)).mean(dim=1)))
        loss = {} if labels is None else {"loss": nn.functional.cross_entropy(logits, labels)}
        return {**loss, "logits": logits}


@pytest.fixture
def model() -> Model:
    torch.manual_seed(0)
    return Model()


@pytest.fixture
def tracer(model: Model) -> Iterator[Tracer]:
    tracer = Tracer(PAD)
    with tracer.watching():
        tracer.watch(model)
        yield tracer


def batch(*rows: list[int], labels: Any = None) -> dict[str, Tensor]:
    ids = nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    values = torch.tensor([index % 2 for index in range(len(rows))] if labels is None else labels)
    return {"input_ids": ids, "attention_mask": (ids != PAD).long(), "labels": values}


ROWS = ([5, 6, 7], [8, 9], [10], [11, 12, 13, 14])


def adamw(model: nn.Module, **options: Any) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), **{"lr": 1e-2, **options})


def train(  # noqa: PLR0917 - the parts of a loop
    tracer: Tracer,
    model: Model,
    optimizer: torch.optim.Optimizer,
    steps: int = 3,
    micro_steps: int = 1,
    step: Callable[[], object] | None = None,
) -> Trace:
    model.train()
    for _ in range(steps):
        for _ in range(micro_steps):
            given = batch(*ROWS)
            tracer.train_batch(given)
            model(**given)["loss"].backward()
        (step or optimizer.step)()
        optimizer.zero_grad()
    return tracer.finish()


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


# -- rows, labels and modes -------------------------------------------------------------------------------------------


def test_passes_hold_rows_labels_and_batches(tracer: Tracer, model: Model) -> None:
    optimizer = adamw(model)
    for epoch in range(2):
        tracer.begin_epoch()
        train(tracer, model, optimizer, steps=2)
        model.eval()
        with tracer.evaluating(), torch.no_grad():
            given = batch(ROWS[epoch], labels=[1])
            tracer.eval_batch(given)
            model(**given)
    passes = tracer.finish().passes
    assert [seen.kind for seen in passes] == ["train", "eval"] * 2
    assert passes[0].rows == tuple(fingerprint_rows(ROWS, PAD)) * 2
    assert passes[0].labels == (0.0, 1.0, 0.0, 1.0) * 2
    assert passes[0].batch_sizes == (4, 4)
    assert passes[3].rows == tuple(fingerprint_rows([ROWS[1]], PAD))
    assert [seen.in_train_mode for seen in passes] == [True, False] * 2
    assert not any(seen.weights_changed for seen in passes if seen.kind == "eval")


def test_evaluation_that_trains_is_seen(tracer: Tracer, model: Model) -> None:
    with tracer.evaluating(), torch.no_grad():
        given = batch(*ROWS)
        tracer.eval_batch(given)
        model.train()(**given)
        model.head.weight.add_(0.1)
    (seen,) = tracer.finish().passes
    assert seen.in_train_mode
    assert seen.weights_changed


def test_training_in_eval_mode_is_seen(tracer: Tracer, model: Model) -> None:
    given = batch(*ROWS)
    tracer.train_batch(given)
    model.eval()(**given)
    assert not tracer.finish().passes[0].in_train_mode


@pytest.mark.parametrize("labels", [None, [[0.5, 0.5], [1.0, 0.0]]], ids=["none", "mixed"])
def test_labels_that_are_not_one_a_row_are_none(tracer: Tracer, labels: Any) -> None:
    given = batch(ROWS[0], ROWS[1])
    given["labels"] = torch.tensor(labels) if labels else given.pop("attention_mask")[:, :0]
    tracer.train_batch(given)
    assert all(math.isnan(label) for label in tracer.finish().passes[0].labels)


@pytest.mark.parametrize("given", [{}, {"input_ids": [[1, 2]]}, {"input_ids": torch.ones(2)}])
def test_batches_without_token_ids_are_not_noted(tracer: Tracer, given: dict[str, Any]) -> None:
    tracer.train_batch(given)
    assert tracer.finish().passes == ()


# -- what reaches the model -------------------------------------------------------------------------------------------


def test_keywords_are_those_that_every_pass_had(tracer: Tracer, model: Model) -> None:
    given = batch(*ROWS)
    model(**given)
    model(given["input_ids"], given["attention_mask"])
    with torch.no_grad():
        model(given["input_ids"], attention_mask=None)
    trace = tracer.finish()
    assert trace.forward_keys == ("attention_mask", "input_ids")
    assert trace.eval_forward_keys == ("input_ids",)


def test_padding_without_a_mask_is_seen(tracer: Tracer, model: Model) -> None:
    model(batch(ROWS[0], ROWS[0])["input_ids"])
    assert not tracer.finish().padded_without_mask
    model(**batch(*ROWS))
    assert not tracer.finish().padded_without_mask
    model(batch(*ROWS)["input_ids"])
    assert tracer.finish().padded_without_mask


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
