"""Chooses the device and the number of CPU threads."""

from __future__ import annotations

import os

import torch

from pytest_ftcheck.errors import DeviceError, unknown
from pytest_ftcheck.settings import DEVICES
from pytest_ftcheck.training.cores import usable_cores
from pytest_ftcheck.training.determinism import initial_threads


def available_devices() -> tuple[str, ...]:
    """Return the devices of this machine, the best first."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return tuple(name for name in DEVICES if there[name])


def resolve_device(requested: str | None, required: str | None = None) -> str:
    """Choose the device: the requested one, else the best available one.

    Args:
        requested: ``cuda``, ``mps`` or ``cpu``; ``CUDA_VISIBLE_DEVICES`` chooses among several GPUs.
        required: the required device; any other is an error.

    Raises:
        DeviceError: the device is unknown or not available, or it is not the required one.

    """
    there = available_devices()
    for name in (requested, required):
        if name is not None and name not in DEVICES:
            raise DeviceError(unknown("device", name, DEVICES, "CUDA_VISIBLE_DEVICES chooses among several GPUs."))
        if name is not None and name not in there:
            msg = (
                f"device {name!r} is not available: torch {torch.__version__} has {', '.join(there)}. "
                "Check the driver and that torch is built for it, or leave the option out."
            )
            raise DeviceError(msg)
    device = requested or there[0]
    if required is not None and device != required:
        msg = (
            f"device {device!r} was chosen, but --ftcheck-require-device={required}. Correct or remove one of the two "
            "options."
        )
        raise DeviceError(msg)
    return device


def resolve_threads(requested: int | None, tier: str, workers: int = 1, *, as_a_script: bool = False) -> int:
    """Choose the number of CPU threads: the requested one, else one for tier tiny, and torch's default for full.

    The default of torch is ``OMP_NUM_THREADS`` if it is set, else the cores of this process. torch ignores the quota of
    a container; this function applies it.

    Args:
        requested: number of the user; None: not given.
        tier: ``tiny`` or ``full``.
        workers: number of processes that share the threads.
        as_a_script: True for a user's Trainer, which uses torch's default, as it does without this package.

    """
    if requested is not None:
        return requested
    if tier == "tiny":
        return 1
    given = as_a_script or os.environ.get("OMP_NUM_THREADS")
    threads = initial_threads() if given else min(initial_threads(), usable_cores())
    return max(1, threads // workers)
