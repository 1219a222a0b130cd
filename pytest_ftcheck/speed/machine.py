"""The machine behind a measurement, and whether two measurements were made on the same one."""

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
"""What nvidia-smi is asked for, by the name that it gets here."""
_SECONDS = 20

SAME = ("device", "device_name", "gpu_memory_bytes", "power_limit_w", "clock_max_mhz", "processor", "cores", "threads")
"""What must agree for two measurements to be compared: hardware and its limits, and the threads that were used."""


def describe_machine(device: str, threads: int) -> dict[str, Any]:
    """Name device, driver, clocks and versions.

    Args:
        device: ``cpu``, ``cuda`` or ``mps``.
        threads: CPU threads of torch.

    Returns:
        Plain values by name; what this machine does not tell is left out.

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
    """Ask nvidia-smi for what PyTorch does not know of the GPU that it uses."""
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
    """Digest of the hardware, its limits and the threads: measurements are comparable where it is the same."""
    told = "\n".join(f"{name}={machine.get(name)}" for name in SAME)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Say in which of `SAME` two machines differ."""
    return [f"{name} {one.get(name)} and {other.get(name)}" for name in SAME if one.get(name) != other.get(name)]
