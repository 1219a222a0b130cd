"""A measurement: it agrees with a clock in the hand, and refuses what is not worth measuring."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.speed.measure import Plan, WarmUp, matmul_dtype, measure, plan_rounds, time_rounds, warm_up
from pytest_ftcheck.speed.step import TrainingStep

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline

QUICK: dict[str, Any] = {"min_rounds": 3, "min_time": 0.01, "max_time": 0.02}


@pytest.fixture(autouse=True)
def _quick_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_ftcheck.speed.measure.matmul_peak", lambda *_: 1e11)


def test_measurement_is_consistent(step: TrainingStep) -> None:
    found = measure(step, **QUICK)
    assert found["step_seconds"] == statistics.median(found["round_seconds"])
    assert len(found["round_seconds"]) == found["rounds"] >= 3
    assert found["rows"] == 8
    assert found["samples_per_second"] == pytest.approx(8 / found["step_seconds"])
    assert found["padding_share"] == pytest.approx(1 - found["tokens"] / found["positions"])
    assert 0 < found["padding_share"] < 1
    assert found["mfu"] == pytest.approx(found["flops"] / found["step_seconds"] / 1e11)
    assert found["useful_mfu"] == pytest.approx(found["mfu"] * (1 - found["padding_share"]))
    assert found["flops_by_formula"] == pytest.approx(found["flops"], rel=0.15)
    assert found["compile_seconds"] is None
    assert found["threads"] == 1
    assert json.loads(json.dumps(found)) == found


def test_rounds_are_timed_like_a_clock_in_the_hand(step: TrainingStep, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that the steps move: a real one depends on what else the machine does."""
    now = [100.0]

    def pausing() -> torch.Tensor:
        now[0] += 0.25
        return torch.zeros(())

    monkeypatch.setattr("pytest_ftcheck.speed.measure.time.perf_counter", lambda: now[0])
    monkeypatch.setattr(step, "take", pausing)
    assert time_rounds(step, Plan(3, 4)) == [0.25] * 3


@pytest.mark.parametrize(
    ("second_pass", "plan"), [(0.01, Plan(20, 10)), (1.0, Plan(5, 2)), (0.2, Plan(5, 2)), (0.001, Plan(20, 100))]
)
def test_rounds_are_long_enough_and_many_enough(step: TrainingStep, second_pass: float, plan: Plan) -> None:
    assert plan_rounds(step, WarmUp(9.0, second_pass), min_rounds=5, min_time=0.05, max_time=1.0) == plan


def test_rounds_of_another_clock_are_taken(step: TrainingStep) -> None:
    found = measure(step, lambda plan: [0.5] * plan.rounds, **QUICK)
    assert found["step_seconds"] == 0.5
    assert found["step_seconds_quartiles"] == [0.5, 0.5]


def test_compiling_is_told_apart(pipeline: Pipeline) -> None:
    compiled = replace(pipeline, args={**pipeline.args, "torch_compile_backend": "eager"})
    found = measure(TrainingStep(compiled, device="cpu", steps=1), **QUICK)
    assert found["compiled"]
    assert found["compile_seconds"] == pytest.approx(found["first_pass_seconds"] - found["step_seconds"])


def test_compiling_while_it_is_measured_is_no_measurement(step: TrainingStep) -> None:
    def timed(plan: Plan) -> list[float]:
        torch._dynamo.utils.counters["stats"]["unique_graphs"] += 1
        return [0.5] * plan.rounds

    with pytest.raises(CheckFailure, match="the compiler ran between two rounds: not measured"):
        measure(step, timed, **QUICK)


def test_loss_that_is_not_finite_is_not_worth_measuring(pipeline: Pipeline) -> None:
    class Broken:
        def __call__(self) -> Any:
            model = pipeline.model_init()
            next(model.parameters()).data.fill_(float("nan"))
            return model

    step = TrainingStep(replace(pipeline, model_init=Broken()), device="cpu", steps=1)
    with pytest.raises(CheckFailure, match="not measured"):
        warm_up(step)


@pytest.mark.parametrize(("recipe", "dtype"), [({}, torch.float32), ({"bf16": True}, torch.bfloat16)])
def test_products_are_multiplied_in_the_dtype_of_the_recipe(
    pipeline: Pipeline, recipe: dict[str, Any], dtype: torch.dtype
) -> None:
    step = TrainingStep(replace(pipeline, args={**pipeline.args, **recipe}), device="cpu", steps=1)
    assert matmul_dtype(step) == dtype
