"""Cores that a container's quota leaves, in both versions of Linux' control groups."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.training.cores import cpu_quota, usable_cores

if TYPE_CHECKING:
    from pathlib import Path


def quota(folder: Path, ours: str, files: dict[str, str]) -> float | None:
    """Write what the kernel would show, and read it."""
    (folder / "cgroup").write_text(ours, encoding="utf-8")
    for name, text in files.items():
        path = folder / "mounted" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return cpu_quota(folder / "cgroup", folder / "mounted")


V1 = "4:memory:/docker/1\n3:cpu,cpuacct:/docker/1\n1:name=systemd:/\n0::/\n"


def v1(folder: str, microseconds: str) -> dict[str, str]:
    return {f"{folder}/cpu.cfs_quota_us": microseconds, f"{folder}/cpu.cfs_period_us": "100000\n"}


@pytest.mark.parametrize(
    ("ours", "files", "cores"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/a/b\n", {"cpu.max": "400000 100000", "a/cpu.max": "50000 100000", "a/b/cpu.max": "max 100000"}, 0.5),
        ("0::/seen/from/outside\n", {"cpu.max": "200000 100000\n"}, 2.0),
        ("0::/../other\n", {"cpu.max": "200000 100000\n"}, 2.0),
        ("1:name=systemd:/\n0::/x\n", {"unified/x/cpu.max": "100000 100000\n"}, 1.0),
        (V1, v1("cpu,cpuacct/docker/1", "250000\n"), 2.5),
        (V1, v1("cpu/docker/1", "100000\n"), 1.0),
        (V1, v1("cpu", "300000\n"), 3.0),
        (V1, v1("cpu", "-1\n"), None),
        (V1, v1("memory", "100000\n"), None),
        ("0::/\n", {"cpu.max": "no numbers\n"}, None),
        ("0::/\n", {"cpu.max": "100000 0\n"}, None),
        ("nonsense", {}, None),
        ("", {}, None),
    ],
)
def test_quota_is_the_smallest_of_all_groups_around(
    tmp_path: Path, ours: str, files: dict[str, str], cores: float | None
) -> None:
    assert quota(tmp_path, ours, files) == cores


def test_there_is_no_quota_where_there_are_no_control_groups(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path / "none", tmp_path) is None


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no affinity")
@pytest.mark.parametrize(
    ("told", "cores"), [("max 100000", 6), ("150000 100000", 2), ("9000 100000", 1), ("900000 100000", 6)]
)
def test_cores_are_the_fewer_of_affinity_and_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    quota(tmp_path, "0::/\n", {"cpu.max": told})
    assert usable_cores(tmp_path / "cgroup", tmp_path / "mounted") == cores
