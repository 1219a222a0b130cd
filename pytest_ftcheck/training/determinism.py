"""Contexts that set threads and determinism for a training, and restore the state of the process."""

from __future__ import annotations

import random
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator


@cache
def initial_threads() -> int:
    """Return the number of CPU threads that torch chose at first, by cores, affinity and ``OMP_NUM_THREADS``."""
    return torch.get_num_threads()


@contextmanager
def isolated(threads: int) -> Iterator[None]:
    """Use this number of threads; restore it and the states of all random number generators afterwards.

    Nothing else in the process is changed.

    Args:
        threads: CPU threads of torch; they affect the result, because they change the order of sums.

    """
    before = torch.get_num_threads()
    states = (random.getstate(), np.random.get_state(), torch.get_rng_state())  # noqa: NPY002 - libraries use this generator
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    _set_threads(threads)
    try:
        yield
    finally:
        _set_threads(before)
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002 - as above
        torch.set_rng_state(states[2])
        if devices:
            torch.cuda.set_rng_state_all(devices)


def _set_threads(threads: int) -> None:
    """Set the number of threads if it differs: setting it also changes how MKL chooses its threads."""
    if threads != torch.get_num_threads():
        torch.set_num_threads(threads)


@contextmanager
def deterministic(*, wanted: bool) -> Iterator[None]:
    """Use deterministic kernels if that is wanted; otherwise change nothing.

    Operations that have no deterministic kernel on the device warn instead of failing
    (`torch.use_deterministic_algorithms`); on a CPU, every used operation has one.
    """
    if not wanted:
        yield
        return
    settings: Any = torch.utils.deterministic  # the type stubs do not declare its property
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        settings.fill_uninitialized_memory,
    )
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    # Do not fill every new tensor with NaN: that finds reads of uninitialized memory, which is not our purpose.
    settings.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        settings.fill_uninitialized_memory = before[2]
