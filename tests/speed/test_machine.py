"""The machine behind a measurement: peak rate, memory, clock, name."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from pytest_ftcheck.speed import machine
from pytest_ftcheck.speed.device import synchronize, synchronized_clock, undisturbed
from pytest_ftcheck.speed.machine import describe_machine, differences, fingerprint
from pytest_ftcheck.speed.memory import is_out_of_memory, peak_memory
from pytest_ftcheck.speed.peak import matmul_peak

CPU = torch.device("cpu")


def test_peak_is_the_rate_of_a_product() -> None:
    rate = matmul_peak(CPU, torch.float32, (256,))
    left = torch.randn(256, 256)
    seconds = []
    for _ in range(20):
        before = time.perf_counter()
        left @ left
        seconds.append(time.perf_counter() - before)
    assert 0.3 < rate * min(seconds) / (2 * 256**3) < 3.0


def test_peak_is_measured_once() -> None:
    matmul_peak(CPU, torch.float32, (64,))
    before = time.perf_counter()
    matmul_peak(CPU, torch.float32, (64,))
    assert time.perf_counter() - before < 0.1


def test_peak_memory_sees_what_was_there_for_a_moment() -> None:
    with peak_memory(CPU) as nothing:
        pass
    with peak_memory(CPU) as found:
        torch.ones(64 * 2**20 // 4)
    assert found.of == "whole process"
    if found.bytes is None or nothing.bytes is None:
        pytest.skip("this system does not tell")
    assert 48 * 2**20 < found.bytes - nothing.bytes < 128 * 2**20


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_out_of_memory_is_known_by_type_or_words(error: BaseException, expected: bool) -> None:  # noqa: FBT001 - a parameter
    assert is_out_of_memory(error) is expected


def test_machine_is_named() -> None:
    found = describe_machine("cpu", 1)
    assert found["device"] == "cpu"
    assert found["device_name"]
    assert found["threads"] == 1
    assert found["versions"]["torch"] == torch.__version__


def test_gpu_is_named_with_driver_clock_and_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = SimpleNamespace(name="NVIDIA H200", total_memory=150_000_000_000, uuid="abc")
    answer = "550.1, 600.00, 1200, 1980, 3201, 30, GPU-other\n560.35, 700.00, 345, 1980, [N/A], 31, GPU-abc\n"
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: gpu)
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=answer))
    found = describe_machine("cuda", 4)
    assert found["device_name"] == "NVIDIA H200"
    assert (found["driver"], found["power_limit_w"], found["clock_mhz"], found["clock_max_mhz"]) == (
        560.35,
        700,
        345,
        1980,
    )
    assert found["memory_clock_max_mhz"] == "[N/A]"
    assert {"cuda", "cudnn", "gpu_memory_bytes"} <= found.keys()


@pytest.mark.parametrize("error", [OSError(), subprocess.CalledProcessError(9, "nvidia-smi")])
def test_gpu_without_nvidia_smi_is_named_as_torch_does(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(subprocess, "run", fail)
    assert machine._from_smi("abc") == {}
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert machine._from_smi("abc") == {}


def test_fingerprint_is_of_hardware_and_threads_and_not_of_versions() -> None:
    one = describe_machine("cpu", 1)
    assert fingerprint({**one, "versions": {"torch": "9"}, "clock_mhz": 1}) == fingerprint(one)
    for name, value in (("threads", 2), ("device_name", "H100"), ("power_limit_w", 300), ("cores", 99)):
        assert fingerprint({**one, name: value}) != fingerprint(one)
    assert differences(one, {**one, "threads": 2}) == ["threads 1 and 2"]


def generator_states() -> tuple[Any, ...]:
    numpy_state = np.random.get_state(legacy=False)  # noqa: NPY002 - what libraries draw from
    return random.getstate(), numpy_state["state"]["key"].tolist(), torch.get_rng_state().tolist()


def test_process_is_left_as_it_was() -> None:
    torch.manual_seed(1)
    before = torch.get_num_threads()
    states = generator_states()
    with undisturbed(before + 1, "cpu", fast=False):
        assert torch.get_num_threads() == before + 1
        torch.manual_seed(99)
        random.seed(99)
        np.random.seed(99)  # noqa: NPY002 - what libraries draw from
    assert torch.get_num_threads() == before
    assert states == generator_states()


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_clock_waits_for_the_accelerator_in_use(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    waited: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: device == "cuda")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: device == "mps")
    monkeypatch.setattr(getattr(torch, device), "synchronize", lambda *_: waited.append(device))
    before = time.perf_counter()
    assert 0 <= synchronized_clock() - before < 1
    synchronize(device)
    assert waited == [device, device]


def test_clock_on_a_cpu_waits_for_nothing() -> None:
    synchronize("cpu")
    assert synchronized_clock() <= time.perf_counter()
