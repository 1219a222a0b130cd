"""What the plugin costs a project that has it installed and does not use it.

Collects an empty project with and without the plugin, in turns, and compares CPU time, which a busy machine
changes less than wall time.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile

from machine import markdown_table

ROUNDS = 60


def collect(folder: str, *options: str) -> float:
    """Run pytest on an empty folder; return its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    subprocess.run(command, cwd=folder, check=False, capture_output=True)  # noqa: S603 - no shell, and it runs this very Python, with options that are written here
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def main() -> str:
    """Measure and return the table."""
    with tempfile.TemporaryDirectory() as folder:
        collect(folder)  # compiles the modules
        pairs = [(collect(folder), collect(folder, "-p", "no:ftcheck")) for _ in range(ROUNDS)]
    extra = [1000 * (with_plugin - without) for with_plugin, without in pairs]
    row = [f"{1000 * statistics.median(column):.0f}" for column in zip(*pairs, strict=True)]
    caption = f"CPU milliseconds of `pytest` in an empty project; medians of {ROUNDS} pairs. Target: at most 50 more."
    return (
        caption
        + "\n\n"
        + markdown_table(
            ["installed, not used", "-p no:ftcheck", "difference"], [[*row, f"{statistics.median(extra):.0f}"]]
        )
    )


if __name__ == "__main__":
    print(main())
