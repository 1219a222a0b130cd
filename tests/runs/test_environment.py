"""The environment of a run: all that a result depends on, by name."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import torch

from pytest_ftcheck.runs.environment import PACKAGES, describe_environment, device_name, versions

if TYPE_CHECKING:
    import pytest


def test_versions_are_those_that_are_installed() -> None:
    found = versions()
    assert found["python"] == platform.python_version()
    assert {name: found[name] for name in PACKAGES} == {name: version(name) for name in PACKAGES}
    assert {"torch", "transformers", "tokenizers"} <= set(found)


def test_environment_names_device_dtype_and_threads() -> None:
    environment = describe_environment("cpu", "bfloat16", threads=3)
    assert (environment["device"], environment["dtype"], environment["threads"]) == ("cpu", "bfloat16", "3")
    assert environment["device_name"]
    assert versions().items() <= environment.items()


def test_gpu_is_named_with_its_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"H200 behind {device}")
    monkeypatch.setattr(torch, "version", SimpleNamespace(cuda="13.0"))
    assert device_name("cuda") == "H200 behind cuda, CUDA 13.0"


def test_processor_is_named_by_its_architecture_where_it_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_file", lambda _: False)
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert device_name("cpu") == platform.machine()


def test_environment_names_the_instructions_and_kernels() -> None:
    plain = describe_environment("cpu", "float32", threads=1)
    assert plain["cpu_capability"] == torch.backends.cpu.get_cpu_capability()
    assert (plain["kernels"], plain["deterministic"]) == ("of PyTorch", "yes")
    other = describe_environment("cpu", "float32", threads=1, kernels="fast (memory)", deterministic=False)
    assert (other["kernels"], other["deterministic"]) == ("fast (memory)", "no")
