"""The device that is there, and the threads on it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from pytest_ftcheck.errors import DeviceError
from pytest_ftcheck.training.device import available_devices, resolve_device, resolve_threads


@pytest.fixture
def only_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def with_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("with_cuda")
def test_best_device_is_taken_where_none_is_asked_for() -> None:
    assert available_devices() == ("cuda", "cpu")
    assert resolve_device(None) == "cuda"
    assert resolve_device("cpu") == "cpu"
    assert resolve_device(None, required="cuda") == "cuda"


@pytest.mark.usefixtures("only_cpu")
def test_cpu_is_taken_where_there_is_nothing_else() -> None:
    assert available_devices() == ("cpu",)
    assert resolve_device(None) == "cpu"
    assert resolve_device("cpu", required="cpu") == "cpu"


@pytest.mark.usefixtures("only_cpu")
@pytest.mark.parametrize(("asked", "required"), [("cuda", None), (None, "cuda"), ("mps", None)])
def test_device_that_is_not_there_is_refused(asked: str | None, required: str | None) -> None:
    with pytest.raises(DeviceError, match=rf"device '{asked or required}' is not available: torch \S+ has cpu"):
        resolve_device(asked, required)


@pytest.mark.usefixtures("with_cuda")
def test_device_other_than_the_required_one_is_refused() -> None:
    with pytest.raises(DeviceError, match="device 'cpu' was chosen, but --ftcheck-require-device=cuda"):
        resolve_device("cpu", required="cuda")


@pytest.mark.parametrize(("asked", "required"), [("cdua", None), ("cuda:1", None), (None, "cdua")])
def test_unknown_device_is_refused_with_the_closest_match(asked: str | None, required: str | None) -> None:
    with pytest.raises(DeviceError, match=r"unknown device .* Did you mean 'cuda'?.*CUDA_VISIBLE_DEVICES"):
        resolve_device(asked, required)


@pytest.mark.parametrize(
    ("asked", "tier", "workers", "threads"),
    [(None, "tiny", 1, 1), (3, "tiny", 1, 3), (3, "full", 4, 3), (None, "full", 1, 8), (None, "full", 3, 2)],
)
def test_threads(monkeypatch: pytest.MonkeyPatch, asked: int | None, tier: str, workers: int, threads: int) -> None:
    monkeypatch.setattr("pytest_ftcheck.training.device.initial_threads", lambda: 8)
    monkeypatch.setattr("pytest_ftcheck.training.device.usable_cores", lambda: 8)
    assert resolve_threads(asked, tier, workers) == threads


def test_at_least_one_thread_for_more_workers_than_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_ftcheck.training.device.initial_threads", lambda: 2)
    assert resolve_threads(None, "full", workers=8) == 1


@pytest.mark.parametrize(
    ("omp", "settings", "threads"),
    [(None, {}, 2), ("4", {}, 8), (None, {"as_a_script": True}, 8)],
    ids=["", "OMP", "script"],
)
def test_quota_of_a_container_counts_where_nobody_said_otherwise(
    monkeypatch: pytest.MonkeyPatch, omp: str | None, settings: dict[str, bool], threads: int
) -> None:
    monkeypatch.setattr("pytest_ftcheck.training.device.initial_threads", lambda: 8)
    monkeypatch.setattr("pytest_ftcheck.training.device.usable_cores", lambda: 2)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if omp:
        monkeypatch.setenv("OMP_NUM_THREADS", omp)
    assert resolve_threads(None, "full", **settings) == threads


@pytest.mark.parametrize("threads", ["1", "2"])
def test_threads_are_those_that_torch_takes_from_the_environment(threads: str) -> None:
    script = "from pytest_ftcheck.training.device import resolve_threads; print(resolve_threads(None, 'full'))"
    environment = {**os.environ, "OMP_NUM_THREADS": threads}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [threads]
