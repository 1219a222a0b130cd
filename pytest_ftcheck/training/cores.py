"""How many cores this process may use: by its affinity, and by the quota of the container that it runs in.

Neither PyTorch nor Python knows of a quota. Threads beyond it are stopped by the kernel in the middle of their work,
while the others wait for them: training in a container of one core on a machine of many gets slower by an order.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

_OURS = Path("/proc/self/cgroup")
_MOUNTED = Path("/sys/fs/cgroup")


def usable_cores(ours: Path = _OURS, mounted: Path = _MOUNTED) -> int:
    """Count the cores that this process may use, at least one.

    Args:
        ours: the file that names the control groups of this process.
        mounted: where control groups are mounted.

    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota(ours, mounted)
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def cpu_quota(ours: Path = _OURS, mounted: Path = _MOUNTED) -> float | None:
    """Return the cores that the control groups of this process may use, or None where nothing limits them."""
    try:
        lines = ours.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None  # no Linux
    quotas = []
    for line in lines:
        _, _, named = line.partition(":")
        controllers, _, group = named.partition(":")
        names = controllers.split(",")
        # Version 2 is one tree without names; beside version 1 it is mounted in a folder of its own.
        trees = [mounted, mounted / "unified"] if not controllers else [mounted / controllers, mounted / "cpu"]
        if controllers and "cpu" not in names:
            continue
        quotas += [quota for tree in trees for folder in _upwards(tree, group) if (quota := _quota_of(folder))]
    return min(quotas, default=None)


def _upwards(tree: Path, group: str) -> list[Path]:
    """Return the folders of a group and of those around it: the quota of each of them holds.

    A container may see itself as the root of the tree, and still read its name as seen from outside.
    """
    parts = [part for part in group.split("/") if part not in {"", "..", "."}]
    return [tree.joinpath(*parts[:length]) for length in range(len(parts), -1, -1)]


def _quota_of(folder: Path) -> float | None:
    """Read the quota of one group, in version 2 or 1; None where it has none, or one that cannot be read."""
    try:
        if (both := folder / "cpu.max").is_file():
            quota, period = both.read_text(encoding="utf-8").split()
        else:
            quota, period = (
                (folder / f"cpu.cfs_{name}_us").read_text(encoding="utf-8") for name in ("quota", "period")
            )
        cores = int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None  # also "max"
    return cores if cores > 0 else None  # version 1 says -1 for none
