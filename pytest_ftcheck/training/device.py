"""The device that is there, and how many CPU threads to use on it."""

from __future__ import annotations

import os

import torch

from pytest_ftcheck.errors import DeviceError, unknown
from pytest_ftcheck.settings import DEVICES
from pytest_ftcheck.training.cores import usable_cores
from pytest_ftcheck.training.determinism import initial_threads


def available_devices() -> tuple[str, ...]:
    """Devices of this machine, best first."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return tuple(name for name in DEVICES if there[name])


def resolve_device(asked: str | None, required: str | None = None) -> str:
    """Choose the device: the one asked for, else the best that is there.

    Args:
        asked: ``cuda``, ``mps`` or ``cpu``; ``CUDA_VISIBLE_DEVICES`` chooses among several GPUs.
        required: the device that the result must stand for; anything else is an error.

    Raises:
        DeviceError: no such device, it is not there, or it is not the required one.

    """
    there = available_devices()
    for name in (asked, required):
        if name is not None and name not in DEVICES:
            raise DeviceError(unknown("device", name, DEVICES, "CUDA_VISIBLE_DEVICES chooses among several GPUs."))
        if name is not None and name not in there:
            msg = (
                f"device {name!r} is not there: torch {torch.__version__} sees {', '.join(there)}. "
                "Check the driver and that torch is built for it, or leave the option out."
            )
            raise DeviceError(msg)
    device = asked or there[0]
    if required is not None and device != required:
        msg = f"device {device!r} was chosen, but --ftcheck-require-device={required}. Ask for one of them only."
        raise DeviceError(msg)
    return device


def resolve_threads(asked: int | None, tier: str, workers: int = 1, *, as_a_script: bool = False) -> int:
    """Choose the CPU threads: as asked, else one for tier tiny, and those that torch takes by itself for full.

    torch takes ``OMP_NUM_THREADS`` where it is set, else the cores of this process; it knows no quota of a container,
    which therefore counts here.

    Args:
        asked: by the user.
        tier: ``tiny`` or ``full``.
        workers: processes that share the threads.
        as_a_script: for a user's Trainer, which trains with what torch takes, as it does without us.

    """
    if asked is not None:
        return asked
    if tier == "tiny":
        return 1
    given = as_a_script or os.environ.get("OMP_NUM_THREADS")
    threads = initial_threads() if given else min(initial_threads(), usable_cores())
    return max(1, threads // workers)
