"""Measures the peak memory."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
_FORGET_THE_PEAK = "5"
"""Value of `clear_refs` that resets the peak resident size in Linux."""


@dataclass
class PeakMemory:
    """The peak memory, set at the end of the context."""

    bytes: int | None = None
    """Peak in bytes; None where this system does not provide it."""
    of: str = ""
    """What the peak counts: ``tensors on the GPU``, or ``whole process``."""


@contextmanager
def peak_memory(device: torch.device) -> Iterator[PeakMemory]:
    """Measure the peak memory: of tensors on a GPU, else of the whole process with its libraries."""
    found = PeakMemory(of="tensors on the GPU" if device.type == "cuda" else "whole process")
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield found
        found.bytes = torch.cuda.max_memory_allocated(device)
        return
    resets = _reset()
    yield found
    found.bytes = _highest() if resets else None


def _reset() -> bool:
    try:
        _RESET.write_text(_FORGET_THE_PEAK, encoding="ascii")
    except OSError:
        return False
    return True


def _highest() -> int | None:
    lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    found = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(found[0]) * 1024 if found else None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means out of memory: on a GPU by its type, on a CPU by its message."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("DefaultCPUAllocator: ", "out of memory")
    )
