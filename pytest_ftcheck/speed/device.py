"""Waiting for a device, a clock that does, and leaving the process as it was."""

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
    """Wait until the device has done everything that it was given; a CPU has."""
    kind = torch.device(device).type
    if kind == "cuda":
        torch.cuda.synchronize(device)
    elif kind == "mps":
        torch.mps.synchronize()


def synchronized_clock() -> float:
    """Seconds, read when the accelerator that is in use has caught up: a timer for pytest-benchmark.

    As the timer of a round it waits before the round and after it, and never between two steps.
    """
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    elif torch.backends.mps.is_available():
        torch.mps.synchronize()
    return time.perf_counter()


@contextmanager
def undisturbed(threads: int, device: str, *, fast: bool) -> Iterator[None]:
    """Measure with so many CPU threads, as the engines train; give threads and random numbers back as they were.

    Deterministic kernels are not asked for here, whatever runs that are judged take.

    Args:
        threads: CPU threads of torch.
        device: that is measured.
        fast: with the kernels of `pytest_ftcheck.training.cpu`, as the pipeline trains.

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
