"""The environment of a run: versions, device, dtype, threads, kernels."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("torch", "transformers", "tokenizers", "datasets", "accelerate", "evaluate", "numpy")
PYTORCH_KERNELS = "of PyTorch"
"""Kernels of a run without replaced PyTorch operators."""


def versions() -> dict[str, str]:
    """Return the versions of Python and of every package that affects a run."""
    return {"python": platform.python_version(), **_of_packages()}


@cache  # reading the metadata takes 20 ms, and a process has imported what it has
def _of_packages() -> dict[str, str]:
    return {name: version(name) for name in PACKAGES}


def describe_environment(
    device: str, dtype: str, threads: int, *, kernels: str = PYTORCH_KERNELS, deterministic: bool = True
) -> dict[str, str]:
    """Return every part of the environment that affects the result of a run.

    Args:
        device: torch's name of the device, for example ``cpu`` or ``cuda``.
        dtype: dtype of the loaded weights.
        threads: CPU threads of torch.
        kernels: names of replaced kernels; see `pytest_ftcheck.training.cpu.kernel_names`.
        deterministic: whether `torch.use_deterministic_algorithms` is switched on.

    """
    return {
        **versions(),
        "device": device,
        "device_name": device_name(device),
        "cpu_capability": _cpu_capability(),
        "dtype": dtype,
        "threads": str(threads),
        "kernels": kernels,
        "deterministic": "yes" if deterministic else "no",
    }


def device_name(device: str) -> str:
    """Return the hardware of a device: the GPU's name and CUDA version, or the processor's name."""
    if device.startswith("cuda"):
        import torch  # noqa: PLC0415 - slow to import

        return f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}"
    return processor()


def processor() -> str:
    """Return the vendor's name of the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _cpu_capability() -> str:
    """Return the instruction set of PyTorch's kernels, for example ``AVX512``; sums differ between instruction sets."""
    import torch  # noqa: PLC0415 - slow to import

    return str(torch.backends.cpu.get_cpu_capability())
