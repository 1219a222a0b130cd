"""Train with a given number of threads, and leave no trace in the process around it."""

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
    """CPU threads that torch chose when it was first asked: by cores, affinity and ``OMP_NUM_THREADS``."""
    return torch.get_num_threads()


@contextmanager
def isolated(threads: int) -> Iterator[None]:
    """Use this number of threads; restore it and the states of all random number generators afterwards.

    Nothing else of the process is changed.

    Args:
        threads: CPU threads of torch; part of the result, because they change the order of sums.

    """
    before = torch.get_num_threads()
    states = (random.getstate(), np.random.get_state(), torch.get_rng_state())  # noqa: NPY002 - what libraries use
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
    """Set the number where it is another one: setting it also changes how MKL chooses its threads."""
    if threads != torch.get_num_threads():
        torch.set_num_threads(threads)


@contextmanager
def deterministic(*, wanted: bool) -> Iterator[None]:
    """Take deterministic kernels where that is wanted; change nothing where it is not.

    Operations that have no deterministic kernel on the device warn instead of failing
    (`torch.use_deterministic_algorithms`); on a CPU all that we use have one.
    """
    if not wanted:
        yield
        return
    settings: Any = torch.utils.deterministic  # its setting is a property that it does not declare
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        settings.fill_uninitialized_memory,
    )
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    # Every new tensor would be filled with NaN first: what reads one before it is written is not what we look for.
    settings.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        settings.fill_uninitialized_memory = before[2]
