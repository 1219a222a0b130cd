"""Waits for a device, gives a clock that waits, and restores the state of the process."""

from __future__ import annotations

import random
import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import numpy as np
import torch

from pytest_ftcheck.training.cpu import fast_cpu

if TYPE_CHECKING:
    from collections.abc import Iterator


def synchronize(device: torch.device | str) -> None:
    """Wait until the device has finished all its work; no-op on a CPU."""
    kind = torch.device(device).type
    if kind == "cuda":
        torch.cuda.synchronize(device)
    elif kind == "mps":
        torch.mps.synchronize()


def synchronized_clock() -> float:
    """Return the time in seconds after the accelerator has finished its work: a timer for pytest-benchmark.

    As the timer of a round, it waits before and after the round, and never between two steps.
    """
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    elif torch.backends.mps.is_available():
        torch.mps.synchronize()
    return time.perf_counter()


@contextmanager
def undisturbed(threads: int, device: str, *, fast: bool) -> Iterator[None]:
    """Measure with the engines' number of CPU threads; restore threads and random number generators afterwards.

    Deterministic kernels are not requested here, also where judged runs use them.

    Args:
        threads: CPU threads of torch.
        device: the measured device.
        fast: use the kernels of `pytest_ftcheck.training.cpu`, as the pipeline does.

    """
    before, states = torch.get_num_threads(), (random.getstate(), np.random.get_state())  # noqa: NPY002 - as libraries
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(), fast_cpu(device) if fast else nullcontext():
            yield
    finally:
        torch.set_num_threads(before)
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002 - as above
