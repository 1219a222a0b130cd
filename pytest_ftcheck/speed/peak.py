"""How fast this device multiplies matrices here and now: what a step is measured against."""

from __future__ import annotations

import time
from functools import cache

import torch

from pytest_ftcheck.speed.device import synchronize
from pytest_ftcheck.training.cpu import is_fast

SIZES = {"cpu": (512, 1024, 2048), "cuda": (2048, 4096, 8192), "mps": (1024, 2048, 4096)}
"""Sides of the square matrices that are tried."""
_SECONDS = 0.25
"""For each size: on a GPU enough for its clock to rise, on a busy CPU enough to find a quiet moment."""
_IN_A_ROW = 5
_LEAST_LOOKS = 3


def matmul_peak(device: torch.device, dtype: torch.dtype, sizes: tuple[int, ...] | None = None) -> float:
    """Measure the best rate of a square matrix product, once a session.

    Args:
        device: where.
        dtype: of both factors and the product; float32 is measured as PyTorch is set, with or without TF32, and on a
            CPU with the kernels that are in force.
        sizes: sides of the matrices; None takes those of the device.

    Returns:
        Operations a second, 2 x n^3 for a product; the best of all sizes and repetitions.

    """
    settings = (torch.get_num_threads(), torch.get_float32_matmul_precision(), is_fast())
    return _measured(device, dtype, sizes or SIZES.get(device.type, SIZES["cpu"]), settings)


@cache
def _measured(
    device: torch.device, dtype: torch.dtype, sizes: tuple[int, ...], settings: tuple[int, str, bool]
) -> float:
    del settings  # part of the key
    return max(_rate(device, dtype, size) for size in sizes)


def _rate(device: torch.device, dtype: torch.dtype, size: int) -> float:
    left = torch.randn(size, size, device=device).to(dtype)
    right = torch.randn(size, size, device=device).to(dtype)
    torch.matmul(left, right)  # chooses the kernel
    in_a_row = _IN_A_ROW if device.type != "cpu" else 1
    best, looks, started = 0.0, 0, time.perf_counter()
    while looks < _LEAST_LOOKS or time.perf_counter() - started < _SECONDS:
        synchronize(device)
        before = time.perf_counter()
        for _ in range(in_a_row):
            torch.matmul(left, right)
        synchronize(device)
        best = max(best, in_a_row * 2.0 * size**3 / (time.perf_counter() - before))
        looks += 1
    return best
