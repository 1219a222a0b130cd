"""Accumulated micro-batches against one batch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from accelerate import Accelerator
from transformers import Trainer, TrainerCallback

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.checks.training import accumulation

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

    Judged = Callable[..., list[Finding]]
    Toy = Callable[..., Pipeline]

CHECK = "training.accumulation"
ACCUMULATES = {"gradient_accumulation_steps": 2, "per_device_train_batch_size": 4, "num_train_epochs": 1}


@pytest.mark.parametrize("engine", ["trainer", "manual"])
@pytest.mark.parametrize("task", ["mrpc", "stsb"])
def test_ragged_micro_batches_of_a_card_are_one_batch(
    judged: Judged, make_pipeline: Callable[..., Pipeline], engine: str, task: str
) -> None:
    assert judged(CHECK, make_pipeline(task, train_rows=16, eval_rows=8), engine) == []


def test_sum_over_micro_batches_is_found(
    judged: Judged, make_pipeline: Callable[..., Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    def mean(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any) -> torch.Tensor:
        del num_items_in_batch
        return torch.nn.functional.cross_entropy(outputs["logits"], labels)

    monkeypatch.setattr("pytest_ftcheck.training.trainer.mean_over_rows", lambda *_: mean)
    first, rest = judged(CHECK, make_pipeline("mrpc", train_rows=16, eval_rows=8))
    assert first.expected == "4 batches of 2 rows: a gradient as long as that of the same rows in one batch"
    assert first.observed == "4 times as long"
    assert rest.expected.startswith("the rest of an epoch: ")


def test_micro_batches_that_do_not_count_by_their_rows_are_found(
    judged: Judged, make_pipeline: Callable[..., Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_ftcheck.training.optimizer_step.items_of", lambda _: 1)
    (rest,) = judged(CHECK, make_pipeline("mrpc", train_rows=16, eval_rows=8), "manual")
    assert rest.expected.startswith("the rest of an epoch: ")


def test_gradients_of_one_length_are_no_proof(
    judged: Judged, make_pipeline: Callable[..., Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = make_pipeline("mrpc", train_rows=16, eval_rows=8)
    backward = Accelerator.backward

    def shortened(self: Any, loss: torch.Tensor, **kwargs: Any) -> None:
        backward(self, loss, **kwargs)
        parameters = [parameter for group in self._optimizers[0].param_groups for parameter in group["params"]]
        torch.nn.utils.clip_grad_norm_(parameters, 1e-3)

    monkeypatch.setattr(Accelerator, "backward", shortened)
    (found,) = judged(CHECK, pipeline)
    assert found.expected == "other gradients of 2 rows than of 8 or 5"
    assert "something clips or rescales them" in found.observed


def test_two_lengths_that_are_equal_by_chance_are_no_clipping(
    judged: Judged, make_pipeline: Callable[..., Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = make_pipeline("mrpc", train_rows=16, eval_rows=8)
    probes, probe = [], accumulation._probe

    def probed(*args: Any) -> Any:
        found = probe(*args)
        probes.append(found)
        if len(probes) == 3:  # of 2 rows alone
            norms = (probes[0].trace.gradient_norms[0], *found.trace.gradient_norms[1:])
            return replace(found, trace=replace(found.trace, gradient_norms=norms))
        return found

    monkeypatch.setattr(accumulation, "_probe", probed)
    assert judged(CHECK, pipeline) == []
    assert len(probes) == 3


# -- over a user's Trainer --------------------------------------------------------------------------------------------


def weighted(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(logits, labels, weight=torch.tensor([1.0, 5.0]))


def test_recipe_that_does_not_accumulate_is_not_asked(judged: Judged, toy: Toy) -> None:
    with pytest.raises(NotApplicable, match="gradient_accumulation_steps = 1"):
        judged(CHECK, toy())


def test_what_transformers_itself_does_to_bert_is_not_held_against_the_user(judged: Judged, toy: Toy) -> None:
    with pytest.raises(NotApplicable, match="your code is right"):
        judged(CHECK, toy(**ACCUMULATES))


@pytest.mark.skipif(
    not hasattr(Trainer, "loss_is_scaled_for_ga"), reason="this version of transformers has no such word"
)
@pytest.mark.parametrize("engine", ["trainer", "manual"])
def test_own_loss_that_weighs_rows_and_is_divided_is_healthy(judged: Judged, toy: Toy, kit: Any, engine: str) -> None:
    divided = kit.trainer_with(weighted)
    divided.loss_is_scaled_for_ga = False
    assert judged(CHECK, toy(divided, **ACCUMULATES), engine) == []


def test_loss_function_that_counts_items_is_healthy(judged: Judged, toy: Toy) -> None:
    def loss(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        count = len(labels) if num_items_in_batch is None else num_items_in_batch
        return torch.nn.functional.cross_entropy(outputs.logits, labels, reduction="sum") / count

    assert judged(CHECK, toy(parts={"compute_loss_func": loss}, **ACCUMULATES)) == []


def test_own_loss_that_is_not_divided_is_found(judged: Judged, toy: Toy, kit: Any) -> None:
    first, rest = judged(CHECK, toy(kit.trainer_with(weighted), **ACCUMULATES))
    assert (first.observed, rest.observed) == ("4 times as long", "2 times as long")
    assert first.hint.startswith("the Trainer has a compute_loss of its own: divide a loss of your own by num_items")


def test_own_training_step_that_divides_twice_is_found(judged: Judged, toy: Toy) -> None:
    class Twice(Trainer):
        loss_is_scaled_for_ga = False

        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
            del num_items_in_batch
            mean: Any = self.compute_loss(model.train(), inputs)
            loss = mean / self.args.gradient_accumulation_steps**2
            self.accelerator.backward(loss)
            return loss.detach()

    first, rest = judged(CHECK, toy(Twice, **ACCUMULATES))
    assert (first.observed, rest.observed) == ("0.25 times as long", "0.125 times as long")


def test_training_rows_may_be_too_few(judged: Judged, make_pipeline: Callable[..., Pipeline]) -> None:
    pipeline = make_pipeline("mrpc", train_rows=16, eval_rows=8)
    few = replace(pipeline, train_dataset=pipeline.train_dataset.select(range(12)))
    with pytest.raises(NotApplicable, match="12 training rows are too few"):
        judged(CHECK, few)


class ClipsValues(TrainerCallback):
    def on_pre_optimizer_step(self, *_: Any, **kwargs: Any) -> None:
        torch.nn.utils.clip_grad_value_(kwargs["model"].parameters(), 1e-4)


def test_gradients_that_a_callback_changes_are_not_judged(judged: Judged, toy: Toy) -> None:
    with pytest.raises(NotApplicable, match=r"callbacks of its own \(ClipsValues\) are called with the gradients"):
        judged(CHECK, toy(gradient_accumulation_steps=2, parts={"callbacks": [ClipsValues()]}))
