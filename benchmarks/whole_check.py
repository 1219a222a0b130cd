"""What the whole check costs: beside a bare script that trains and evaluates once, reused, and on two processes.

::

    python benchmarks/whole_check.py --out benchmarks/whole_check
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import idle
from machine import describe_machine, markdown_table

HERE = Path(__file__).parent
EXAMPLE = HERE.parent / "examples" / "csv_trainer"
TASKS = ("mrpc", "sst2", "cola", "rte")
COLD, WARM = "trained", "--ftcheck-reuse, warm"
SERIAL, PARALLEL = "serial", "-n 2"
TRAINER = "--ftcheck-trainer=train.py:build_trainer"
FIRST = re.compile(r"^(?P<seconds>[\d.]+)s (?:setup|call)", re.MULTILINE)


class Timing(NamedTuple):
    """What a process took, its own processes with it, in seconds; and what it printed."""

    wall: float
    cpu: float
    printed: str


def timed(folder: Path, *command: str) -> Timing:
    """Run Python with these arguments and one thread a process."""
    before, cpu_before = time.perf_counter(), _cpu_of_children()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(  # noqa: S603 - no shell, and it runs this very Python, with options that are written here
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return Timing(time.perf_counter() - before, _cpu_of_children() - cpu_before, done.stdout)


def _cpu_of_children() -> float:
    used = os.times()
    return used.children_user + used.children_system


def session(folder: Path, *options: str) -> Timing:
    """Run pytest with these options."""
    return timed(folder, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly", *options)


def against_script(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Time the default suite and the bare script in turns."""
    seconds: dict[str, list[float]] = {"bare script": [], "pytest --ftcheck-task=mrpc": []}
    for _ in range(rounds):
        seconds["bare script"].append(timed(folder, str(HERE / "bare_script.py"), "1").wall)
        seconds["pytest --ftcheck-task=mrpc"].append(session(folder, "--ftcheck-task=mrpc").wall)
    return seconds


def against_own_trainer(folder: Path, rounds: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Time the suite over a user's Trainer and the bare script in turns; return wall and CPU seconds."""
    project = shutil.copytree(EXAMPLE, folder / EXAMPLE.name)
    wall: dict[str, list[float]] = {"bare script": [], f"pytest {TRAINER}": []}
    cpu: dict[str, list[float]] = {name: [] for name in wall}
    for _ in range(rounds):
        taken = (timed(project, str(HERE / "bare_trainer.py")), session(project, TRAINER))
        for name, timing in zip(wall, taken, strict=True):
            wall[name].append(timing.wall)
            cpu[name].append(timing.cpu)
    return wall, cpu


def reused(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Time the first test that needs a run, where one is trained and where one is kept."""
    seconds: dict[str, list[float]] = {COLD: [], WARM: []}
    options = ("--ftcheck-task=mrpc", "--ftcheck-checks=metrics.floor", "--durations=0", "-vv")
    for index in range(rounds):
        kept = ("--ftcheck-reuse", f"--ftcheck-store=store-{index}")
        for name in (COLD, WARM):
            printed = session(folder, *options, *kept).printed
            seconds[name].append(max(float(found["seconds"]) for found in FIRST.finditer(printed)))
    return seconds


def side_by_side(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Time the default suites of four tasks, one after the other and on two processes."""
    seconds: dict[str, list[float]] = {SERIAL: [], PARALLEL: []}
    task = f"--ftcheck-task={','.join(TASKS)}"
    for _ in range(rounds):
        seconds[SERIAL].append(session(folder, task).wall)
        seconds[PARALLEL].append(session(folder, task, "-n", "2").wall)
    return seconds


def table(seconds: dict[str, list[float]]) -> str:
    """Render medians, and the ratios of the first row to each other one, pair by pair."""
    first = next(iter(seconds.values()))
    rows = []
    for name, values in seconds.items():
        ratios = [mine / theirs for mine, theirs in zip(values, first, strict=True)]
        median = statistics.median(ratios)
        rows.append([name, f"{statistics.median(values):.2f}", f"{median:.2f}", f"{1 / median:.2f}"])
    return markdown_table(["what", "seconds", "x the first", "times as fast"], rows)


def main(arguments: list[str] | None = None) -> str:
    """Measure and return the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="writes this .md and .json")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        session(folder, "--ftcheck-task=mrpc")  # compiles the modules
        wall, cpu = against_own_trainer(folder, options.rounds)
        found = {
            "The suite over the Trainer of examples/csv_trainer, with the kernels of PyTorch, and a bare script": wall,
            "The same in CPU seconds, of all processes": cpu,
            "The default suite, and a bare script with the same libraries that trains and evaluates once": (
                against_script(folder, options.rounds)
            ),
            "The first test that needs a run: the model is trained, or taken from the store": (
                reused(folder, options.rounds)
            ),
            f"The default suites of four tasks ({', '.join(TASKS)})": side_by_side(folder, options.rounds),
        }
    text = "".join(
        f"{caption}; medians of {options.rounds}:\n\n{table(seconds)}\n" for caption, seconds in found.items()
    )
    text += f"## Idle cost\n\n{idle.main()}"
    if options.out:
        head = f"# The whole check\n\nMade by `benchmarks/whole_check.py` on: {describe_machine()}\n\n"
        options.out.with_suffix(".md").write_text(head + text, encoding="utf-8")
        document = {"machine": describe_machine(), "seconds": found}
        options.out.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return text


if __name__ == "__main__":
    print(main())
