"""What slows training on a CPU beside its arithmetic: memory asked for anew at every step, and dropout's dice.

Both were found with `torch.profiler` on MiniLM-L6 in batches of 16 x 53 tokens, two cores, bfloat16: of a step of
244 ms, 36 ms went into page faults and 30 ms into random numbers (`benchmarks/engines.md`).
"""

from __future__ import annotations

import ctypes
import platform
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4
"""Of ``<malloc.h>``; see mallopt(3)."""

_fast = False
"""Whether `fast_cpu` is in force."""

_WORD = 2**16
"""An element is dropped by 16 random bits: its probability is exact to 2^-17."""

_SMALL = 4096
"""Elements: below, PyTorch has drawn them before numpy has made its generator."""


@contextmanager
def fast_cpu(device: str) -> Iterator[None]:
    """Train without both meanwhile, in this process; on another device than ``cpu``, and within itself, change nothing.

    Args:
        device: that is trained on.

    """
    global _fast  # noqa: PLW0603 - as what it changes, it is one for the process
    if _fast or device != "cpu":
        yield
        return
    _fast = True
    try:
        with freed_memory_kept(), fast_bernoulli():
            yield
    finally:
        _fast = False


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
def fast_bernoulli() -> Iterator[None]:
    """Draw the masks of dropout eight times as fast: from 16 random bits an element instead of 53.

    PyTorch draws them one by one with the Mersenne Twister, except with MKL on Intel's processors. The seed of each
    mask comes from PyTorch's generator, whose state therefore still determines, saves and restores all that follows.
    """
    library = torch.library.Library("aten", "IMPL")
    with warnings.catch_warnings():
        # That the kernel of PyTorch is replaced is what is wanted.
        warnings.simplefilter("ignore", UserWarning)
        library.impl("bernoulli_.float", _bernoulli_, "CPU")
    try:
        yield
    finally:
        library._destroy()  # noqa: SLF001 - what `torch.library._scoped_library` calls


def _bernoulli_(tensor: Tensor, p: float = 0.5, *, generator: torch.Generator | None = None) -> Tensor:
    """Fill a tensor of any shape with ones, of probability ``p``, and zeros."""
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
