"""Modes of the model, its weights in evaluation, and what reaches it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import Trainer

from pytest_ftcheck.checks.catalogue import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

    Judged = Callable[..., list[Finding]]
    Toy = Callable[..., Pipeline]
    Traced = Callable[..., Evidence]

SHORT = {"num_train_epochs": 1}


def said(judged: Judged, check: str, parts: Any) -> list[str]:
    return [entry.observed for entry in judged(f"training.{check}", parts)]


def test_training_in_eval_mode_is_found(judged: Judged, toy: Toy) -> None:
    class Evaluates(Trainer):
        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
            del num_items_in_batch
            loss: Any = self.compute_loss(model.eval(), inputs)
            self.accelerator.backward(loss)
            return loss.detach()

    assert said(judged, "train_mode", toy(Evaluates, **SHORT)) == [
        "no module is in train mode in epoch 1, 1 epochs in all"
    ]


def test_eval_mode_after_the_first_evaluation_is_found(judged: Judged, traced: Traced) -> None:
    passes = traced().run.trace.passes
    later = [replace(seen, in_train_mode=False) for seen in passes[1:]]
    assert said(judged, "train_mode", traced(passes=(passes[0], *later))) == [
        "no module is in train mode in epoch 2, 3 epochs in all"
    ]


def test_model_without_dropout_may_train_in_any_mode(judged: Judged, toy: Toy, traced: Traced, kit: Any) -> None:
    pipeline = toy(model=lambda: kit.small_bert(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
    with pytest.raises(NotApplicable, match="the model has no dropout"):
        said(judged, "train_mode", traced(pipeline))


def test_evaluation_with_dropout_is_found(judged: Judged, toy: Toy) -> None:
    class Drops(Trainer):
        def prediction_step(self, model: Any, *args: Any, **kwargs: Any) -> Any:
            return super().prediction_step(model.train(), *args, **kwargs)

    (found,) = said(judged, "eval_mode", toy(Drops, **SHORT))
    assert found == "train mode in 3 of 3 evaluations, first in number 1"


def test_weights_that_an_evaluation_changes_are_found(judged: Judged, toy: Toy) -> None:
    class Shrinks(Trainer):
        def prediction_step(self, model: Any, *args: Any, **kwargs: Any) -> Any:
            with torch.no_grad():
                model.classifier.weight.mul_(0.99)
            return super().prediction_step(model, *args, **kwargs)

    (found,) = said(judged, "eval_keeps_weights", toy(Shrinks, **SHORT))
    assert found == "others after 3 of 3 evaluations, first after number 1"


def test_averaged_weights_that_are_put_back_are_healthy(judged: Judged, toy: Toy) -> None:
    class Averages(Trainer):
        def evaluate(self, *args: Any, **kwargs: Any) -> Any:
            model: Any = self.model
            kept = model.classifier.weight.detach().clone()
            model.classifier.weight.data.mul_(0.999)
            try:
                return super().evaluate(*args, **kwargs)
            finally:
                model.classifier.weight.data.copy_(kept)

    assert said(judged, "eval_keeps_weights", toy(Averages, **SHORT)) == []


# -- mask_reaches_model -----------------------------------------------------------------------------------------------


def reaches(judged: Judged, parts: Any) -> list[str]:
    return [entry.expected for entry in judged("training.mask_reaches_model", parts)]


MASK = "attention_mask in every forward pass of {}: the rows are padded"
SEGMENTS = "token_type_ids in every forward pass of {}: the rows have two segments"


def test_loss_that_hands_on_tokens_alone_is_found(judged: Judged, toy: Toy) -> None:
    class TokensAlone(Trainer):
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:  # type: ignore[override]  # noqa: FBT001, FBT002 - as users write it
            del kwargs
            outputs = model(input_ids=inputs["input_ids"], labels=inputs["labels"])
            return (outputs.loss, outputs) if return_outputs else outputs.loss

    kinds = ("training", "evaluation")
    assert sorted(reaches(judged, toy(TokensAlone, **SHORT))) == sorted(
        text.format(kind) for kind in kinds for text in (MASK, SEGMENTS)
    )


def test_mask_may_come_by_its_place(judged: Judged, toy: Toy) -> None:
    class ByPlace(Trainer):
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:  # type: ignore[override]  # noqa: FBT001, FBT002 - as users write it
            del kwargs
            outputs = model(*(inputs[name] for name in ("input_ids", "attention_mask", "token_type_ids")))
            loss = torch.nn.functional.cross_entropy(outputs.logits, inputs["labels"])
            return (loss, outputs) if return_outputs else loss

    assert reaches(judged, toy(ByPlace, **SHORT)) == []


def test_segments_lost_in_evaluation_alone_are_found(judged: Judged, traced: Traced) -> None:
    assert reaches(judged, traced(eval_forward_keys=("attention_mask", "input_ids"))) == [SEGMENTS.format("evaluation")]


def test_segments_that_are_all_one_are_not_missed(judged: Judged, toy: Toy, traced: Traced) -> None:
    def single(rows: Any) -> Any:
        return rows.map(lambda row: {"token_type_ids": [0] * len(row["input_ids"])})

    keys = ("attention_mask", "input_ids", "labels")
    assert reaches(judged, traced(toy(rows=single), forward_keys=keys, eval_forward_keys=keys)) == []


def test_padding_without_a_mask_is_found(judged: Judged, toy: Toy, traced: Traced) -> None:
    pipeline = toy(rows=lambda rows: rows.remove_columns("attention_mask"))
    assert reaches(judged, traced(pipeline, padded_without_mask=True)) == [
        "an attention mask with every batch that has padding"
    ]


def test_forward_that_is_not_called_is_not_judged(judged: Judged, traced: Traced) -> None:
    with pytest.raises(NotApplicable, match="forward was not called"):
        reaches(judged, traced(forward_keys=(), eval_forward_keys=()))
