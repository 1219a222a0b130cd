"""What the plugin costs a project that has it installed and does not use it.

Collects an empty project in an environment that holds nothing but pytest, and in this one: without plugins, with those
that the package's dependencies bring, and with ours. In turns, by CPU time, which a busy machine changes less than
wall time.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from machine import describe_machine, markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterable

ROUNDS = 60
_TOOLS = ("xdist", "xdist.looponfail", "rerunfailures")
"""Plugins of this repository's tests: users have them by their own choice."""
_PLUGINS = {
    "and anyio's plugin (of huggingface-hub)": "anyio",
    "and platformdirs'": "platformdirs",
    "and hypothesis'": "hypothesispytest",
    "and pytest-benchmark's": "benchmark",
    "and ours, not used": "ftcheck",
}
"""What each row has beside those above it."""


def collect(python: Path, folder: str, *options: str, autoload: bool = True) -> float:
    """Run pytest on an empty folder; return its CPU milliseconds."""
    # Whatever stands on the path of this process would be searched for plugins there as well.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    if not autoload:
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True)  # noqa: S603 - no shell; Pythons of ours, with options that are written here
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 5:  # pytest's code for a session without tests
        raise SystemExit((done.stdout + done.stderr).decode())
    return 1000 * ((after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime))


def only_pytest(folder: str) -> Path:
    """Make an environment with this pytest and nothing else; return its Python."""
    python = Path(folder) / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)  # noqa: S603 - no shell, and this very Python
    pinned = f"pytest=={version('pytest')}"
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", pinned]
    subprocess.run(command, check=True)  # noqa: S603 - no shell, as it stands here
    return python


def without(blocked: Iterable[str]) -> list[str]:
    """Return the options that keep plugins from being imported."""
    return [part for name in blocked for part in ("-p", f"no:{name}")]


def measure(rounds: int) -> list[list[float]]:
    """Measure all environments in turns; return a list of milliseconds for each of them."""
    names = list(_PLUGINS.values())
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as bare:
        python, ours = only_pytest(bare), Path(sys.executable)
        turns = [
            (
                collect(python, folder),
                collect(ours, folder, autoload=False),
                *(collect(ours, folder, *without([*_TOOLS, *names[place:]])) for place in range(1, len(names) + 1)),
            )
            for _ in range(rounds + 1)
        ]
    return [list(column) for column in zip(*turns[1:], strict=True)]  # the first one compiles modules


def main(arguments: list[str] | None = None) -> str:
    """Measure and return the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args(arguments).rounds
    columns = measure(rounds)
    medians = [statistics.median(column) for column in columns]
    rows = []
    for place, name in enumerate(["an environment with pytest alone", "this one, no plugin loaded", *_PLUGINS]):
        pairs = zip(columns[place], columns[max(0, place - 1)], strict=True)
        more = statistics.median(now - then for now, then in pairs)
        least = min(columns[place]) - min(columns[max(0, place - 1)])
        times = f"{medians[place] / medians[0]:.2f}"
        rows.append([name, f"{medians[place]:.0f}", times, f"{more:+.0f}", f"{least:+.0f}"])
    header = ["`pytest` in an empty project", "CPU ms", "times pytest alone", "more than above", "least of all rounds"]
    return (
        f"# What an unused plugin costs\n\nMade by `python benchmarks/idle.py --rounds {rounds}` on: "
        f"{describe_machine()}; pytest {version('pytest')}, hypothesis {version('hypothesis')}, "
        f"pytest-benchmark {version('pytest-benchmark')}.\n\n"
        f"Medians of {rounds} rounds, in turns, and in the last column what the fastest rounds are apart: other work "
        "on the machine only adds. Ours, the last row, may cost 50 ms more than the row above.\n\n"
        + markdown_table(header, rows)
    )


if __name__ == "__main__":
    print(main())
