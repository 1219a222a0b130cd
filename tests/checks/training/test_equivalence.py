"""Two ways to train that must give the same: healthy ones are, and each check sees what it is there for."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import Trainer, TrainerCallback

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue
from pytest_ftcheck.faults.fault import faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

    Judged = Callable[..., list[Finding]]
    Planted = Callable[[str, str], list[Finding]]
    Toy = Callable[..., Pipeline]

ACCUMULATES = {"gradient_accumulation_steps": 2, "per_device_train_batch_size": 4, "num_train_epochs": 1}
CHECKS = [name for name in catalogue() if name.startswith("equivalence.")]
# Of compilers the one that compiles nothing: it traces, which is what a branch sees.
TRACED = {"torch_compile_backend": "eager"}


@pytest.fixture(scope="module")
def pipeline(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("mrpc", train_rows=192, eval_rows=32, **TRACED)


@pytest.fixture(scope="module")
def healthy(pipeline: Pipeline, evidence_of: Callable[..., Evidence]) -> dict[str, Evidence]:
    return {engine: evidence_of(pipeline, engine) for engine in ("trainer", "manual")}


@pytest.fixture(scope="module")
def planted(judged: Judged, pipeline: Pipeline) -> Planted:
    """Return what a check finds of a planted fault, asked once."""
    return cache(lambda check, fault: judged(f"equivalence.{check}", faults()[fault].plant(pipeline)))


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["trainer", "manual"])
@pytest.mark.parametrize("check", CHECKS)
def test_sound_ways_give_the_same(judged: Judged, healthy: dict[str, Evidence], check: str, engine: str) -> None:
    if (check, engine) == ("equivalence.resumed", "manual"):
        with pytest.raises(NotApplicable, match="the manual engine writes no checkpoints"):
            judged(check, healthy[engine])
        return
    assert judged(check, healthy[engine]) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("check", "fault", "expected"),
    [
        (
            "accumulation",
            "accumulated_loss_off_by_a_thousandth",
            "1 batch of 8 rows and 8 of 1 row: the same length of",
        ),
        ("attention", "mask_ignored_by_eager", "eager and sdpa attention: the same loss at each of 16 steps, within"),
        ("compiled", "compiled_otherwise", "training without and with torch_compile: the same l"),
        ("evaluation_batches", "rows_mixed", "evaluation batches of 1 and 8 rows: the same scale of the logits on "),
        ("gradient_checkpointing", "recomputed_otherwise", "training without and with gradient checkpointing: the sa"),
        ("padding", "mask_ignored", "batches as the collator makes them and 8 columns longer ones: the same loss"),
        ("resumed", "resumed_without_optimizer", "an unbroken run and a resumed one: the same loss at each of 16 s"),
        ("workers", "sharded_by_worker", "0 and 2 data loading workers: the same 128 rows in the same order"),
    ],
)
def test_what_is_planted_is_found(planted: Planted, check: str, fault: str, expected: str) -> None:
    found = planted(check, fault)
    assert found
    assert found[0].expected.startswith(expected)


def test_a_loss_that_is_a_thousandth_too_large_has_its_size(planted: Planted) -> None:
    (found,) = planted("accumulation", "accumulated_loss_off_by_a_thousandth")
    assert found.expected.endswith("on average, within 0.002% over 16 steps")
    assert found.observed == "+0.1%"


@pytest.mark.slow
def test_mixed_precision_is_noisier_and_a_thousandth_is_found_over_more_steps(
    judged: Judged, pipeline: Pipeline, evidence_of: Callable[..., Evidence], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_ftcheck.checks.equivalence.ways._STEPS", (16, 96))
    mixed = replace(pipeline, args={**pipeline.args, "bf16": True})
    healthy = evidence_of(mixed)
    assert judged("equivalence.accumulation", healthy) == []
    assert judged("equivalence.attention", healthy) == []
    (found,) = judged("equivalence.accumulation", faults()["accumulated_loss_off_by_a_thousandth"].plant(mixed))
    assert found.expected.endswith(" over 96 steps")
    assert 0.04 < float(found.observed.rstrip("%")) < 0.16


def test_noise_that_hides_a_drift_is_told(judged: Judged, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_ftcheck.training.variants._Rounding.__call__", lambda *args: args[3] * 1.001)
    monkeypatch.setattr("pytest_ftcheck.checks.equivalence.ways._STEPS", (16,))
    with pytest.raises(NotApplicable, match=r"hides a drift below .*%, and 0\.01% should be detectable"):
        judged("equivalence.attention", pipeline, drift=1e-4)


# -- over a user's Trainer --------------------------------------------------------------------------------------------


def test_what_transformers_itself_does_to_bert_is_not_held_against_the_user(judged: Judged, toy: Toy) -> None:
    with pytest.raises(NotApplicable, match="your code is right"):
        judged("equivalence.accumulation", toy(**ACCUMULATES))


def test_recipe_that_does_not_accumulate_is_not_asked(judged: Judged, toy: Toy) -> None:
    with pytest.raises(NotApplicable, match="gradient_accumulation_steps = 1"):
        judged("equivalence.accumulation", toy())


def counting(factor: float) -> Callable[..., torch.Tensor]:
    """A loss that counts rows, and is this much too large where it gets one row of several."""

    def loss(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        count = len(labels) if num_items_in_batch is None else num_items_in_batch
        total = torch.nn.functional.cross_entropy(outputs.logits, labels, reduction="sum") / count
        return total * factor if len(labels) == 1 else total

    return loss


@pytest.mark.slow
def test_own_loss_that_counts_is_healthy_and_a_thousandth_of_it_is_found(judged: Judged, toy: Toy) -> None:
    assert judged("equivalence.accumulation", toy(parts={"compute_loss_func": counting(1.0)}, **ACCUMULATES)) == []
    loss, gradient = judged(
        "equivalence.accumulation", toy(parts={"compute_loss_func": counting(1.001)}, **ACCUMULATES)
    )
    assert (loss.observed, gradient.observed) == ("+0.1%", "+0.1%")
    assert loss.hint.startswith("the Trainer has a compute_loss_func of its own: ")


def weighted(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(logits, labels, weight=torch.tensor([1.0, 5.0]))


@pytest.mark.slow
@pytest.mark.skipif(
    not hasattr(Trainer, "loss_is_scaled_for_ga"), reason="this version of transformers has no such word"
)
def test_own_loss_that_weighs_rows_is_compared_over_one_row(judged: Judged, toy: Toy, kit: Any) -> None:
    divided = kit.trainer_with(weighted)
    divided.loss_is_scaled_for_ga = False
    with pytest.raises(NotApplicable, match="depends on the other rows of a batch"):
        judged("equivalence.accumulation", toy(divided, **ACCUMULATES))
    # Not divided at all: of equal rows, too, 8 times as much.
    found = judged("equivalence.accumulation", toy(kit.trainer_with(weighted), **ACCUMULATES))
    assert "within" in found[0].expected


@pytest.mark.slow
@pytest.mark.parametrize("check", ["attention", "gradient_checkpointing", "padding", "evaluation_batches", "workers"])
def test_trainer_of_a_user_is_healthy(judged: Judged, toy: Toy, check: str) -> None:
    assert judged(f"equivalence.{check}", toy()) == []


def test_training_rows_may_be_too_few(judged: Judged, toy: Toy) -> None:
    with pytest.raises(NotApplicable, match="64 training rows are too few"):
        judged("equivalence.resumed", toy())
    few = toy(rows=lambda rows: rows.select(range(6)))
    with pytest.raises(NotApplicable, match="6 training rows are too few"):
        judged("equivalence.padding", few)


def test_training_that_stops_by_itself_is_not_compared(judged: Judged, toy: Toy) -> None:
    class Stops(TrainerCallback):
        def on_step_end(self, *given: Any, **_: Any) -> None:
            _, state, control = given
            control.should_training_stop = state.global_step >= 4

    with pytest.raises(NotApplicable, match="16 optimizer steps of the engine give 4 losses and 4 gradients"):
        judged("equivalence.padding", toy(after=lambda trainer: trainer.add_callback(Stops())))


def test_state_of_a_callback_is_a_warning(judged: Judged, toy: Toy, kit: Any) -> None:
    class Rises(TrainerCallback):
        def __init__(self) -> None:
            self.steps = 0

        def on_step_begin(self, *_: Any, **kwargs: Any) -> None:
            self.steps += 1
            for group in kwargs["optimizer"].param_groups:
                group["lr"] = 1e-4 * self.steps

    many = toy(parts={"train_dataset": kit.rows(200, 1)}, after=lambda trainer: trainer.add_callback(Rises()))
    found = judged("equivalence.resumed", many)
    assert {one.level for one in found} == {"warn"}
    assert found[0].observed.endswith("no checkpoint holds the state of Rises")


# -- what there is not ------------------------------------------------------------------------------------------------


def test_model_with_one_kind_of_attention_is_not_asked(
    judged: Judged, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.BertForSequenceClassification._supports_sdpa", False)
    with pytest.raises(NotApplicable, match="has only one implementation of attention"):
        judged("equivalence.attention", toy())


def test_model_without_gradient_checkpointing_is_not_asked(
    judged: Judged, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.BertForSequenceClassification.supports_gradient_checkpointing", False)
    with pytest.raises(NotApplicable, match="BertForSequenceClassification has no gradient checkpointing"):
        judged("equivalence.gradient_checkpointing", toy())


def test_batches_as_long_as_the_model_takes_are_not_padded(judged: Judged, toy: Toy, kit: Any) -> None:
    def to_the_end(features: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        batch = kit.pad_rows(features)
        return {
            name: torch.nn.functional.pad(value, (0, 32 - value.shape[1])) if value.dim() == 2 else value
            for name, value in batch.items()
        }

    with pytest.raises(NotApplicable, match="there is no room for padding"):
        judged("equivalence.padding", toy(parts={"data_collator": to_the_end}))


@pytest.mark.slow
def test_compiler_that_does_not_get_through_is_told(
    judged: Judged, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        msg = "no C++ compiler"
        raise RuntimeError(msg)

    monkeypatch.setattr("torch.compile", refuse)
    with pytest.raises(NotApplicable, match=r"torch.compile fails here, .*no C\+\+ compiler"):
        judged("equivalence.compiled", pipeline)


def test_nothing_trained_is_not_asked(judged: Judged, pipeline: Pipeline) -> None:
    for check in CHECKS:
        with pytest.raises(NotApplicable, match="nothing was trained"):
            judged(check, replace(pipeline, trains=False))


def test_rows_that_change_at_random_are_not_held_against_a_way(judged: Judged, toy: Toy, kit: Any) -> None:
    def cropped(features: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        batch: dict[str, torch.Tensor] = kit.pad_rows(features)
        batch["input_ids"][:, 1] = torch.randint(20, 60, (len(features),))
        return batch

    with pytest.raises(NotApplicable, match="rows are changed at random"):
        judged("equivalence.workers", toy(parts={"data_collator": cropped}))
