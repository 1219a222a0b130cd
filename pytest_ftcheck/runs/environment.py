"""The environment of a run: versions, device, dtype, threads, kernels."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("torch", "transformers", "tokenizers", "datasets", "accelerate", "evaluate", "numpy")
PYTORCH_KERNELS = "of PyTorch"
"""Kernels of a run in which nothing of PyTorch is replaced."""


def versions() -> dict[str, str]:
    """Versions of Python and of every package that shapes a run."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def describe_environment(
    device: str, dtype: str, threads: int, *, kernels: str = PYTORCH_KERNELS, deterministic: bool = True
) -> dict[str, str]:
    """All of the environment that a run's result depends on.

    Args:
        device: torch's name of it, for example ``cpu`` or ``cuda``.
        dtype: of the weights as loaded.
        threads: CPU threads of torch.
        kernels: what takes the place of PyTorch's own; see `pytest_ftcheck.training.cpu.kernel_names`.
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
    """Hardware behind a device: the GPU's name and CUDA version, or the processor's name."""
    if device.startswith("cuda"):
        import torch  # noqa: PLC0415 - slow to import

        return f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}"
    return processor()


def processor() -> str:
    """Name the processor as its maker does."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _cpu_capability() -> str:
    """Name the instructions that PyTorch chooses its kernels for, for example ``AVX512``: sums differ between them."""
    import torch  # noqa: PLC0415 - slow to import

    return str(torch.backends.cpu.get_cpu_capability())
