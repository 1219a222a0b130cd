"""Seeded and deterministic training that leaves no trace in the process around it."""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def reproducible(threads: int) -> Iterator[None]:
    """Train with deterministic kernels and a given number of threads; restore all global state afterwards.

    Operations that have no deterministic kernel on the device warn instead of failing
    (`torch.use_deterministic_algorithms`); on a CPU all that we use have one.

    Args:
        threads: CPU threads of torch; part of the result, because they change the order of sums.

    """
    deterministic: Any = torch.utils.deterministic  # its setting is a property that it does not declare
    before = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        deterministic.fill_uninitialized_memory,
    )
    states = (random.getstate(), np.random.get_state(), torch.get_rng_state())  # noqa: NPY002 - what libraries use
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    # Every new tensor would be filled with NaN first: what reads one before it is written is not what we look for.
    deterministic.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1], warn_only=before[2])
        deterministic.fill_uninitialized_memory = before[3]
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002 - as above
        torch.set_rng_state(states[2])
        if devices:
            torch.cuda.set_rng_state_all(devices)
