"""Measures the rate of matrix products on this device, the reference for MFU."""

from __future__ import annotations

import time
from functools import cache

import torch

from pytest_ftcheck.speed.device import synchronize
from pytest_ftcheck.training.cpu import is_fast

SIZES = {"cpu": (512, 1024, 2048), "cuda": (2048, 4096, 8192), "mps": (1024, 2048, 4096)}
"""Sizes of the square matrices, by device."""
_SECONDS = 0.25
"""Seconds for each size: enough for a GPU's clock to rise, and for an undisturbed moment on a busy CPU."""
_IN_A_ROW = 5
_LEAST_LOOKS = 3


def matmul_peak(device: torch.device, dtype: torch.dtype, sizes: tuple[int, ...] | None = None) -> float:
    """Measure the best rate of a square matrix product, once a session.

    Args:
        device: the device.
        dtype: dtype of both factors and the product; float32 uses PyTorch's current settings, such as TF32, and on a
            CPU the current kernels.
        sizes: sizes of the matrices; None: the sizes of the device.

    Returns:
        Operations per second, with 2 x n^3 per product; the best of all sizes and repetitions.

    """
    settings = (torch.get_num_threads(), torch.get_float32_matmul_precision(), is_fast())
    return _measured(device, dtype, sizes or SIZES.get(device.type, SIZES["cpu"]), settings)


@cache
def _measured(
    device: torch.device, dtype: torch.dtype, sizes: tuple[int, ...], settings: tuple[int, str, bool]
) -> float:
    del settings  # only part of the cache key
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
