"""Phases of a step: they add up to it, and time is where it is spent."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from pytest_ftcheck.speed.phases import PHASES, measure_phases
from pytest_ftcheck.speed.step import TrainingStep

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline


class Clock:
    """Stands still but for what a test lets pass."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("pytest_ftcheck.speed.phases.time", SimpleNamespace(perf_counter=made))
    return made


def test_phases_are_parts_of_the_step(step: TrainingStep) -> None:
    step()
    before = time.perf_counter()
    phases = measure_phases(step, 4)
    total = time.perf_counter() - before
    assert tuple(phases) == PHASES
    assert all(seconds > 0 for seconds in phases.values())
    assert sum(phases.values()) * 4 <= total


@pytest.mark.parametrize("accumulation", [1, 2])
def test_time_is_where_it_is_spent(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, clock: Clock, accumulation: int
) -> None:
    def slow_collator(rows: Any) -> Any:
        clock.now += 2.0
        return pipeline.data_collator(rows)

    def slow_clip(*args: Any, **more: Any) -> Any:
        clock.now += 1.0
        return clip(*args, **more)

    recipe = {"gradient_accumulation_steps": accumulation}
    slow = replace(pipeline, data_collator=slow_collator, args={**pipeline.args, **recipe})
    step = TrainingStep(slow, device="cpu", steps=2)
    step()
    expected = {"data": accumulation * 2.0, "forward": 0.0, "backward": 0.0, "optimizer": 0.0}
    assert measure_phases(step, 2) == expected
    clip = torch.nn.utils.clip_grad_norm_
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", slow_clip)
    assert measure_phases(step, 2) == {**expected, "backward": 1.0}


def test_hooks_are_gone_afterwards(step: TrainingStep) -> None:
    measure_phases(step, 2)
    assert not step.model._forward_hooks
    assert not step.model._forward_pre_hooks


def test_compiled_model_has_phases_too(pipeline: Pipeline) -> None:
    compiled = replace(pipeline, args={**pipeline.args, "torch_compile_backend": "eager"})
    step = TrainingStep(compiled, device="cpu", steps=1)
    step()
    step()
    assert all(seconds > 0 for seconds in measure_phases(step, 2).values())


def test_on_a_gpu_events_are_recorded_and_nothing_waits_in_between(
    step: TrainingStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[str] = []

    class Event:
        def __init__(self, *, enable_timing: bool) -> None:
            assert enable_timing

        def record(self) -> None:
            log.append("event")

        def elapsed_time(self, end: object) -> float:
            assert isinstance(end, Event)
            return 2.0

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda *_: log.append("wait"))
    step.device = torch.device("cuda")  # the tensors stay on the CPU
    assert measure_phases(step, 3) == pytest.approx(dict.fromkeys(PHASES, 0.002))
    assert log == ["wait", *["event"] * 13, "wait"]
