"""Training as a whole: it runs through, its losses are finite, its steps are those that were planned."""

from __future__ import annotations

import errno
import math
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import EarlyStoppingCallback, Trainer

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

    Judged = Callable[..., list[Finding]]
    Toy = Callable[..., Pipeline]


def test_family_is_whole() -> None:
    family = {entry.name: entry for entry in catalogue().values() if entry.family == "training"}
    assert len(family) == 33
    assert all(entry.hint and entry.catches and entry.meaning.endswith(".") for entry in family.values())
    extra = {name for name, entry in family.items() if entry.cost == "extra-training"}
    assert extra == {
        "accumulation", "engine_parity", "overfits_batch", "precision", "resume", "seeds", "workers",
    }  # fmt: skip


@pytest.fixture(scope="module")
def healthy(toy: Toy, evidence_of: Callable[..., Evidence]) -> dict[str, Evidence]:
    kept = {"save_strategy": "epoch", "load_best_model_at_end": True, "metric_for_best_model": "accuracy"}
    pipeline = toy(num_train_epochs=8, **kept)
    return {engine: evidence_of(pipeline, engine, both=True) for engine in ("trainer", "manual")}


NOT_ASKED = {
    "training.precision": "mixed precision",
    "training.accumulation": "does not accumulate",
    "training.resume": "manual engine",
}
"""Of the manual engine, the second is asked; of the Trainer, the third."""


@pytest.mark.parametrize("engine", ["trainer", "manual"])
@pytest.mark.parametrize("check", [entry for entry in catalogue() if entry.startswith("training.")])
def test_healthy_trainer_is_quiet(judged: Judged, healthy: dict[str, Evidence], check: str, engine: str) -> None:
    asked = {"trainer": "training.resume", "manual": "training.accumulation"}[engine]
    if check in NOT_ASKED and check != asked:
        with pytest.raises(NotApplicable, match=NOT_ASKED[check]):
            judged(check, healthy[engine])
    else:
        assert judged(check, healthy[engine]) == []


def test_part_that_raises_is_named(judged: Judged, toy: Toy) -> None:
    def broken(features: list[dict[str, Any]]) -> Any:
        return features[0]["no such column"]

    (found,) = judged("training.completes", toy(parts={"data_collator": broken}))
    assert found.check == "training.completes"
    assert "KeyError: 'no such column'" in found.observed


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "free some space, or give another folder: --basetemp, or --ftcheck-store"),
        (errno.EFBIG, "raise the limit on the size of files (ulimit -f), or give another folder"),
        (errno.EIO, "run the same training without pytest to see the whole traceback"),
    ],
)
def test_what_helps_where_a_file_cannot_be_written_is_said(judged: Judged, toy: Toy, number: int, hint: str) -> None:
    def broken(_: list[dict[str, Any]]) -> Any:
        raise OSError(number, os.strerror(number))

    (found,) = judged("training.completes", toy(parts={"data_collator": broken}))
    assert hint in found.hint


# -- losses -----------------------------------------------------------------------------------------------------------


def test_loss_that_turns_to_nan_is_found(judged: Judged, traced: Callable[..., Evidence]) -> None:
    (found,) = judged("training.finite_loss", traced(step_losses=(0.7, math.nan, math.inf)))
    assert found.observed == "nan at optimizer step 2, 2 of 3 steps in all"
    (found,) = judged("training.finite_loss", traced(step_losses=()))
    assert found.observed == "no step at all: training took nothing in"


def test_nan_behind_the_log_filter_stops_the_run(judged: Judged, toy: Toy) -> None:
    def poison(model: torch.nn.Module) -> None:
        seen: list[int] = []

        def spoil(module: torch.nn.Module, args: Any, output: Any) -> Any:
            del args
            seen.append(1)
            return {**output, "loss": output["loss"] * math.nan} if module.training and len(seen) == 3 else None

        model.register_forward_hook(spoil)

    pipeline = toy(change=poison, logging_nan_inf_filter=True, num_train_epochs=1)
    (found,) = judged("training.finite_loss", pipeline)
    assert found.observed.startswith("nan at optimizer step 3 of 8")


# -- steps ------------------------------------------------------------------------------------------------------------


def steps(judged: Judged, evidence: Evidence, **thresholds: float) -> list[str]:
    return [entry.observed for entry in judged("training.steps", evidence, **thresholds)]


def test_optimizer_of_another_model_takes_no_step(judged: Judged, toy: Toy, kit: Any) -> None:
    pipeline = toy(optimizers=lambda _: (torch.optim.AdamW(kit.small_bert().parameters()), None), num_train_epochs=1)
    (found,) = judged("training.steps", pipeline)
    assert found.observed == "none that changes the model, after 8 groups of batches"
    assert "make the optimizer from the parameters of the trained model" in found.hint


def test_step_inside_training_step_is_one_too_many(judged: Judged, toy: Toy) -> None:
    class Steps(Trainer):
        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            loss = super().training_step(*args, **kwargs)
            assert self.optimizer is not None
            self.optimizer.step()
            return loss

    (found,) = judged("training.steps", toy(Steps, num_train_epochs=1))
    assert (found.expected, found.observed) == ("8 optimizer steps, one for each group of batches", "16")


def test_training_that_ends_early_is_found_unless_a_callback_may_end_it(
    judged: Judged, traced: Callable[..., Evidence], toy: Toy
) -> None:
    short = {"planned_steps": 40, "step_losses": (0.5,) * 32}
    assert steps(judged, traced(**short)) == ["training ended after 32"]
    patient = toy(
        parts={"callbacks": [EarlyStoppingCallback()]},
        metric_for_best_model="accuracy",
        load_best_model_at_end=True,
        save_strategy="epoch",
    )
    assert steps(judged, traced(patient, **short)) == []
    assert steps(judged, traced(patient, planned_steps=20)) == ["training ended after 32"]


def test_skipped_steps_have_a_limit(judged: Judged, traced: Callable[..., Evidence]) -> None:
    few = {"planned_steps": 36, "step_losses": (0.5,) * 36}
    many = {"planned_steps": 52, "step_losses": (0.5,) * 52}
    assert steps(judged, traced(**few)) == []
    assert steps(judged, traced(**many)) == ["20 skipped"]
    assert steps(judged, traced(**many), skipped=0.5) == []


def test_micro_batches_of_every_step_are_those_of_the_recipe(judged: Judged, traced: Callable[..., Evidence]) -> None:
    evidence = traced()
    accumulating = replace(evidence.pipeline, args={**evidence.pipeline.args, "gradient_accumulation_steps": 3})
    halves = {"planned_steps": 12, "step_losses": (0.5,) * 12, "learning_rates": ((1e-3,),) * 12}
    right = traced(accumulating, **halves, micro_steps=(3, 3, 2) * 4)
    assert steps(judged, right) == []
    wrong = traced(accumulating, **halves, micro_steps=(2, 3, 3) * 4)
    (found,) = judged("training.steps", wrong)
    assert (found.expected, found.observed) == ("3 micro-batches in optimizer step 1", "2 of them")
