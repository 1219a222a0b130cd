"""The most memory that was in use at once."""

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
"""What Linux takes as: the highest resident size so far is forgotten."""


@dataclass
class PeakMemory:
    """What was found when the block is over."""

    bytes: int | None = None
    """None where this system does not say."""
    of: str = ""
    """``tensors on the GPU``, or ``whole process``."""


@contextmanager
def peak_memory(device: torch.device) -> Iterator[PeakMemory]:
    """Find the most memory in use at once: on a GPU by tensors, else by the whole process, libraries included."""
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
    """Whether an error says that a tensor did not fit: on a GPU it has a type, on a CPU only words."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("DefaultCPUAllocator: ", "out of memory")
    )
