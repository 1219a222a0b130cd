"""Describes the machine of a measurement, and compares the machines of two measurements."""

from __future__ import annotations

import csv
import hashlib
import os
import platform
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.runs.environment import processor, versions

if TYPE_CHECKING:
    from collections.abc import Mapping

_SMI = {
    "driver": "driver_version",
    "power_limit_w": "power.limit",
    "clock_mhz": "clocks.sm",
    "clock_max_mhz": "clocks.max.sm",
    "memory_clock_max_mhz": "clocks.max.memory",
    "temperature_c": "temperature.gpu",
}
"""Queried fields of nvidia-smi, by their names in our description."""
_SECONDS = 20

SAME = ("device", "device_name", "gpu_memory_bytes", "power_limit_w", "clock_max_mhz", "processor", "cores", "threads")
"""Fields that must be equal for a comparison of two measurements: hardware, its limits, and threads."""


def describe_machine(device: str, threads: int) -> dict[str, Any]:
    """Name device, driver, clocks and versions.

    Args:
        device: ``cpu``, ``cuda`` or ``mps``.
        threads: CPU threads of torch.

    Returns:
        Plain values by name; values that this machine does not provide are left out.

    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found: dict[str, Any] = {
        "device": device,
        "device_name": processor(),
        "processor": processor(),
        "cores": cores,
        "threads": threads,
        "system": f"{platform.system()} {platform.release()}",
        "versions": versions(),
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
    }
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        found |= {
            "device_name": properties.name,
            "gpu_memory_bytes": properties.total_memory,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            **_from_smi(str(properties.uuid)),
        }
    return found


def _from_smi(uuid: str) -> dict[str, Any]:
    """Query nvidia-smi for values of the used GPU that PyTorch does not provide."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return {}
    command = [program, f"--query-gpu={','.join(_SMI.values())},uuid", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_SECONDS)  # noqa: S603 - fixed
    except (OSError, subprocess.SubprocessError):
        return {}
    rows = [[cell.strip() for cell in row] for row in csv.reader(done.stdout.splitlines())]
    own = [row for row in rows if row and row[-1].endswith(uuid)]
    values = dict(zip(_SMI, own[0], strict=False)) if own else {}
    return {name: _number(value) for name, value in values.items()}


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def fingerprint(machine: Mapping[str, Any]) -> str:
    """Return a digest of hardware, limits and threads; measurements with equal digests are comparable."""
    lines = "\n".join(f"{name}={machine.get(name)}" for name in SAME)
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Describe the fields of `SAME` in which two machines differ."""
    return [f"{name} {one.get(name)} and {other.get(name)}" for name in SAME if one.get(name) != other.get(name)]
