"""The environment of a run: versions, device, dtype, threads."""

from __future__ import annotations

import platform
from importlib.metadata import version

PACKAGES = ("torch", "transformers", "tokenizers", "datasets", "accelerate", "evaluate", "numpy")


def versions() -> dict[str, str]:
    """Versions of Python and of every package that shapes a run."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def describe_environment(device: str, dtype: str, threads: int) -> dict[str, str]:
    """All of the environment that a run's result depends on.

    Args:
        device: torch's name of it, for example ``cpu`` or ``cuda``.
        dtype: of the weights as loaded.
        threads: CPU threads of torch.

    """
    return {
        **versions(),
        "device": device,
        "device_name": device_name(device),
        "dtype": dtype,
        "threads": str(threads),
    }


def device_name(device: str) -> str:
    """Hardware behind a device: the GPU's name and CUDA version, or the processor's architecture."""
    if device.startswith("cuda"):
        import torch  # noqa: PLC0415 - slow to import

        return f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}"
    return platform.processor() or platform.machine()
