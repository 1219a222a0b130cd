"""Name the machine and the versions behind a table."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from pytest_ftcheck.runs.environment import versions


def describe_machine() -> str:
    """Return processor, cores, system and versions in one line of Markdown."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {cores} cores, {platform.system()}; " + ", ".join(f"{k} {v}" for k, v in versions().items())


def markdown_table(header: list[str], rows: list[list[str]]) -> str:
    """Render a table; the first column is text, the others are numbers or short words."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
