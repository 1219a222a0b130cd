"""Faster CPU kernels for training: reused memory, dropout masks, and oneDNN instead of MKL on AMD processors.

`torch.profiler` showed these costs on MiniLM-L6 with batches of 16 x 53 tokens, on two cores of an AMD EPYC. In
bfloat16, page faults took 36 of a step's 244 ms, and random numbers 30 ms. In float32, matrix products took three
quarters of a step, at half the speed of oneDNN, which PyTorch includes (`benchmarks/engines.md`).
"""

from __future__ import annotations

import ctypes
import platform
import warnings
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pytest_ftcheck.compat.of_torch import linear_by_onednn, remove_kernels
from pytest_ftcheck.runs.environment import PYTORCH_KERNELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch import Tensor

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4
"""Constants of ``<malloc.h>``; see mallopt(3)."""

_fast = False

_WORD = 2**16
"""Number of values of the 16 random bits for each element: the dropout probability is exact to 2^-17."""

_LARGE = 4_000_000
"""Minimum number of multiplications of a matrix product for which oneDNN is faster."""
_SMALL = 4096
"""Minimum number of elements: for fewer, PyTorch is faster than creating a NumPy generator."""


@contextmanager
def fast_cpu(device: str) -> Iterator[None]:
    """Apply the CPU kernels inside this context; on another device, or nested, change nothing.

    Args:
        device: device of the training.

    """
    global _fast  # noqa: PLW0603 - the kernels are global to the process, too
    if _fast or device != "cpu":
        yield
        return
    _fast = True
    try:
        with freed_memory_kept(), kernels(_replacements()):
            yield
    finally:
        _fast = False


def kernel_names(device: str, *, fast: bool) -> str:
    """Return the name of a run's kernels: ``of PyTorch``, or the replacements of `fast_cpu` on this processor."""
    if not fast or device != "cpu":
        return PYTORCH_KERNELS
    return f"fast ({', '.join(['memory', *_replacements()])})"


def _replacements() -> dict[str, Callable[..., Tensor]]:
    """Return our kernels by the names of the replaced PyTorch operators."""
    products: dict[str, Callable[..., Tensor]] = {"mm": _mm, "addmm": _addmm} if mkl_is_slow() else {}
    return {"bernoulli_.float": _bernoulli_, **products}


def is_fast() -> bool:
    """Whether `fast_cpu` is active."""
    return _fast


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Keep freed memory for the next step if the C library is glibc; otherwise change nothing.

    glibc returns every freed block above 32 MiB, such as the gradient of an embedding, to the kernel. Allocating it
    again causes a page fault for each page.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_MAX, 0)
    libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        # The limits of glibc, with the thresholds that it reaches dynamically after large blocks are freed.
        libc.mallopt(_M_MMAP_MAX, 2**16)
        libc.mallopt(_M_MMAP_THRESHOLD, 2**25)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**26)
        libc.malloc_trim(0)


@contextmanager
def kernels(replacing: Mapping[str, Callable[..., Tensor]]) -> Iterator[None]:
    """Replace PyTorch's CPU kernels by these, given by operator name, inside this context."""
    library = torch.library.Library("aten", "IMPL")
    try:
        with warnings.catch_warnings():
            # PyTorch warns about replaced kernels, which are intended here.
            warnings.simplefilter("ignore", UserWarning)
            for name, kernel in replacing.items():
                library.impl(name, kernel, "CPU")
        yield
    finally:
        remove_kernels(library)


@cache
def mkl_is_slow() -> bool:
    """Whether PyTorch uses MKL for float32 although oneDNN is faster: twice as fast on AMD processors with AVX-512."""
    info = Path("/proc/cpuinfo")
    described = info.read_text(encoding="utf-8") if info.is_file() else platform.processor()
    both_there = torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()
    return both_there and torch.backends.cpu.get_cpu_capability() == "AVX512" and "AuthenticAMD" in described


def _mm(left: Tensor, right: Tensor) -> Tensor:
    """Multiply ``[M, K]`` by ``[K, N]``; large float32 products use oneDNN."""
    if _is_small(left, right):
        return torch.mm(left, right, out=left.new_empty(left.shape[0], right.shape[1]))
    return linear_by_onednn(left, right.t(), None)


def _addmm(added: Tensor, left: Tensor, right: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Multiply ``[M, K]`` by ``[K, N]`` and add ``[N]``; other arguments go to `torch.addmm`."""
    if _is_small(left, right) or added.shape != right.shape[1:] or (beta, alpha) != (1, 1):
        out = left.new_empty(left.shape[0], right.shape[1])
        return torch.addmm(added, left, right, beta=beta, alpha=alpha, out=out)
    return linear_by_onednn(left, right.t(), added)


def _is_small(left: Tensor, right: Tensor) -> bool:
    """Whether the overhead of Python exceeds the gain, or oneDNN is used already."""
    return left.dtype is not torch.float32 or left.numel() * right.shape[1] < _LARGE


def _bernoulli_(tensor: Tensor, p: float = 0.5, *, generator: torch.Generator | None = None) -> Tensor:
    """Fill a tensor of any shape with ones, with probability ``p``, and zeros: dropout masks, eight times as fast.

    PyTorch draws the elements one by one, with 53 random bits each, from the Mersenne Twister (except with MKL on Intel
    processors). Here an element uses 16 bits. The seed comes from PyTorch's generator, so that saving and restoring the
    state of that generator still determines all masks.
    """
    if not 0 <= p <= 1:
        msg = f"bernoulli_ expects p to be in [0, 1], but got p={p}"
        raise RuntimeError(msg)
    count, ones = tensor.numel(), round(p * _WORD)
    if count < _SMALL:
        return torch.lt(torch.rand(tensor.shape, generator=generator), p, out=tensor)
    seed = int(torch.randint(2**63 - 1, (), generator=generator))
    drawn = np.random.Generator(np.random.SFC64(seed)).integers(0, 2**64, -(-count // 4), dtype=np.uint64)
    words = torch.from_numpy(drawn.view(np.int16)[:count]).view(tensor.shape)
    if ones == _WORD:
        return tensor.fill_(1)
    return torch.lt(words, ones - _WORD // 2, out=tensor)
