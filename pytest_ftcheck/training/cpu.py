"""What slows training on a CPU: memory allocated anew at every step, drawing dropout masks, MKL on AMD processors.

All were found with `torch.profiler` on MiniLM-L6 in batches of 16 x 53 tokens, on two cores of an AMD EPYC. In
bfloat16, 36 of a step's 244 ms went into page faults and 30 into random numbers; in float32, matrix products took
three quarters of it, at half the speed that oneDNN, which PyTorch has in it, reaches there (`benchmarks/engines.md`).
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
"""Of ``<malloc.h>``; see mallopt(3)."""

_fast = False

_WORD = 2**16
"""An element is dropped by 16 random bits: its probability is exact to 2^-17."""

_LARGE = 4_000_000
"""Multiplications of a matrix product: below, oneDNN gains nothing."""
_SMALL = 4096
"""Elements: below, PyTorch has drawn them before numpy has made its generator."""


@contextmanager
def fast_cpu(device: str) -> Iterator[None]:
    """Apply the CPU kernels inside this context; on another device, or nested, change nothing.

    Args:
        device: that is trained on.

    """
    global _fast  # noqa: PLW0603 - as what it changes, it is one for the process
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
    """Name what a run computes with: ``of PyTorch``, or what `fast_cpu` puts in its place on this processor."""
    if not fast or device != "cpu":
        return PYTORCH_KERNELS
    return f"fast ({', '.join(['memory', *_replacements()])})"


def _replacements() -> dict[str, Callable[..., Tensor]]:
    """Our kernels by the names of PyTorch's operators that they take the place of."""
    products: dict[str, Callable[..., Tensor]] = {"mm": _mm, "addmm": _addmm} if mkl_is_slow() else {}
    return {"bernoulli_.float": _bernoulli_, **products}


def is_fast() -> bool:
    """Whether `fast_cpu` is in force."""
    return _fast


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Keep what is freed for the next step, where the C library is glibc; elsewhere change nothing.

    glibc gives every block above 32 MiB, such as the gradient of an embedding, back to the kernel when it is freed,
    and gets it back one page fault at a time.
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
        # As glibc's own, with its thresholds where they rise to by themselves once large blocks are freed.
        libc.mallopt(_M_MMAP_MAX, 2**16)
        libc.mallopt(_M_MMAP_THRESHOLD, 2**25)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**26)
        libc.malloc_trim(0)


@contextmanager
def kernels(replacing: Mapping[str, Callable[..., Tensor]]) -> Iterator[None]:
    """Let these kernels, by the names of their operators, take the place of PyTorch's own on a CPU meanwhile."""
    library = torch.library.Library("aten", "IMPL")
    try:
        with warnings.catch_warnings():
            # That kernels of PyTorch are replaced is what is wanted.
            warnings.simplefilter("ignore", UserWarning)
            for name, kernel in replacing.items():
                library.impl(name, kernel, "CPU")
        yield
    finally:
        remove_kernels(library)


@cache
def mkl_is_slow() -> bool:
    """Whether MKL multiplies float32 where oneDNN is faster: on AMD's processors with AVX-512, twice as fast."""
    info = Path("/proc/cpuinfo")
    described = info.read_text(encoding="utf-8") if info.is_file() else platform.processor()
    both_there = torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()
    return both_there and torch.backends.cpu.get_cpu_capability() == "AVX512" and "AuthenticAMD" in described


def _mm(left: Tensor, right: Tensor) -> Tensor:
    """Multiply ``[M, K]`` by ``[K, N]``, large ones in float32 with oneDNN."""
    if _is_small(left, right):
        return torch.mm(left, right, out=left.new_empty(left.shape[0], right.shape[1]))
    return linear_by_onednn(left, right.t(), None)


def _addmm(added: Tensor, left: Tensor, right: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Multiply ``[M, K]`` by ``[K, N]`` and add ``[N]``, or whatever `torch.addmm` takes."""
    if _is_small(left, right) or added.shape != right.shape[1:] or (beta, alpha) != (1, 1):
        out = left.new_empty(left.shape[0], right.shape[1])
        return torch.addmm(added, left, right, beta=beta, alpha=alpha, out=out)
    return linear_by_onednn(left, right.t(), added)


def _is_small(left: Tensor, right: Tensor) -> bool:
    """Whether the way through Python costs more than is gained, or oneDNN multiplies already."""
    return left.dtype is not torch.float32 or left.numel() * right.shape[1] < _LARGE


def _bernoulli_(tensor: Tensor, p: float = 0.5, *, generator: torch.Generator | None = None) -> Tensor:
    """Fill a tensor of any shape with ones, of probability ``p``, and zeros: masks of dropout, eight times as fast.

    PyTorch draws them one by one, 53 random bits each, with the Mersenne Twister (except with MKL on Intel's
    processors). Here an element has 16 bits. Their seed comes from PyTorch's generator, whose state therefore still
    determines, saves and restores all that follows.
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
