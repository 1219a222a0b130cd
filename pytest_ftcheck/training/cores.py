"""The number of cores that this process may use, by its CPU affinity and the quota of its container.

PyTorch and Python do not read the quota. The kernel stops threads beyond it in the middle of their work, and the other
threads wait for them: training in a container with one core on a machine with many cores is ten times slower.
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
    """Return the number of cores of this process's control groups, or None without a limit."""
    try:
        lines = ours.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None  # not Linux
    quotas = []
    for line in lines:
        _, _, named = line.partition(":")
        controllers, _, group = named.partition(":")
        names = controllers.split(",")
        # Version 2 is one tree without controller names; next to version 1, it is mounted in a folder "unified".
        trees = [mounted, mounted / "unified"] if not controllers else [mounted / controllers, mounted / "cpu"]
        if controllers and "cpu" not in names:
            continue
        quotas += [quota for tree in trees for folder in _upwards(tree, group) if (quota := _quota_of(folder))]
    return min(quotas, default=None)


def _upwards(tree: Path, group: str) -> list[Path]:
    """Return the folders of a group and of its parents: the quota of each applies.

    A container may be the root of the mounted tree, and still read its full name on the host.
    """
    parts = [part for part in group.split("/") if part not in {"", "..", "."}]
    return [tree.joinpath(*parts[:length]) for length in range(len(parts), -1, -1)]


def _quota_of(folder: Path) -> float | None:
    """Read the quota of one group, in version 2 or 1; None where there is none, or it cannot be read."""
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
    return cores if cores > 0 else None  # in version 1, -1 means no quota
