"""The recorder: losses that no filter has touched, progress, and the end of a run that is no longer finite."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
import torch

from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.training import recorder as module
from pytest_ftcheck.training.recorder import Progress, StepRecorder, silent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@dataclass
class OnGpu:
    """Stands for a loss on a GPU, and counts the reads that would wait for it."""

    value: float
    reads: list[float] = field(default_factory=list)
    device: Any = field(default_factory=lambda: SimpleNamespace(type="cuda"))

    def __add__(self, other: OnGpu) -> OnGpu:
        return OnGpu(self.value + other.value, self.reads)

    def __float__(self) -> float:
        self.reads.append(self.value)
        return self.value


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that tests set."""
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: now.seconds))
    return now


def started(steps: int = 10, epochs: float = 2.0, told: list[Progress] | None = None) -> StepRecorder:
    listener = silent if told is None else told.append
    recorder = StepRecorder("mrpc · manual · seed 0", "mrpc with tiny-bert", listener)
    recorder.begin(steps, epochs)
    return recorder


def step(recorder: StepRecorder, *losses: float, epoch: float = 0.0, samples: float = 0.0) -> None:
    for loss in losses:
        recorder.micro_step(torch.tensor(loss))
    recorder.optimizer_step(epoch, samples)


def test_loss_of_an_optimizer_step_is_the_sum_of_its_micro_steps() -> None:
    recorder = started()
    step(recorder, 0.25, 0.5)
    step(recorder, 2.0)
    assert recorder.losses == [0.75, 2.0]


def test_optimizer_step_without_a_micro_step_is_no_step() -> None:
    recorder = started()
    step(recorder)
    assert recorder.losses == []


@pytest.mark.usefixtures("clock")
def test_progress_without_time_has_no_rate() -> None:
    told: list[Progress] = []
    step(started(told=told), 1.0, samples=8)
    assert told[0].samples_per_second == 0.0


def test_listener_is_told_of_every_step(clock: SimpleNamespace) -> None:
    told: list[Progress] = []
    recorder = started(steps=10, epochs=2.0, told=told)
    clock.seconds += 2
    step(recorder, 0.5, epoch=0.2, samples=64)
    clock.seconds += 2
    step(recorder, 0.25, epoch=0.4, samples=128)
    assert [progress.step for progress in told] == [1, 2]
    assert told[1] == Progress(
        title="mrpc · manual · seed 0",
        step=2,
        steps=10,
        epoch=0.4,
        epochs=2.0,
        loss=0.25,
        samples_per_second=32.0,
        seconds_left=16.0,
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_loss_that_is_not_finite_ends_the_run_and_names_the_step(value: float) -> None:
    recorder = started(steps=10)
    step(recorder, 0.5)
    step(recorder, 0.4567)
    with pytest.raises(CheckFailure) as caught:
        step(recorder, value)
    (finding,) = caught.value.findings
    assert finding.check == "training.finite_loss"
    assert finding.subject == "mrpc with tiny-bert"
    assert finding.observed == f"{value} at optimizer step 3 of 10, 0.4567 at the step before"
    assert "learning rate" in finding.hint


def test_first_step_that_is_not_finite_has_no_step_before() -> None:
    with pytest.raises(CheckFailure, match="nan at optimizer step 1 of 10, at the first step"):
        step(started(), math.nan)


def test_nan_of_one_micro_step_is_not_lost_in_the_sum() -> None:
    with pytest.raises(CheckFailure):
        step(started(), 0.5, math.nan, 0.5)


def feed(recorder: StepRecorder, losses: Sequence[OnGpu]) -> None:
    for loss in losses:
        recorder.micro_step(cast("Tensor", loss))
        recorder.optimizer_step(0.0, 0.0)


def test_losses_on_a_gpu_are_read_fifty_at_a_time() -> None:
    told: list[Progress] = []
    recorder = started(steps=120, told=told)
    reads: list[float] = []
    feed(recorder, [OnGpu(float(number), reads) for number in range(49)])
    assert (reads, recorder.losses, told) == ([], [], [])
    feed(recorder, [OnGpu(49.0, reads)])
    assert reads == recorder.losses == [float(number) for number in range(50)]
    assert [progress.step for progress in told] == [50]
    assert told[0].loss == 49.0


def test_flush_reads_what_still_waits_once() -> None:
    recorder = started()
    reads: list[float] = []
    feed(recorder, [OnGpu(1.0, reads), OnGpu(2.0, reads)])
    recorder.flush()
    recorder.flush()
    assert reads == recorder.losses == [1.0, 2.0]


def test_nan_on_a_gpu_names_its_own_step_however_late_it_is_read() -> None:
    recorder = started(steps=8)
    feed(recorder, [OnGpu(1.0), OnGpu(math.nan), OnGpu(3.0)])
    with pytest.raises(CheckFailure, match=r"nan at optimizer step 2 of 8, 1.0000 at the step before"):
        recorder.flush()
