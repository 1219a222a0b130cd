"""Do healthy fine-tunes stay green? The whole catalogue of checks, in many sessions with seeds of their own.

    python benchmarks/healthy.py [--seeds 4] [--first-seed 1000] [--processes 2]

One session is one ``pytest --ftcheck-task=…``: a fresh process, one task, one checkpoint, one engine, one seed. What
each session wrote is kept in ``build/healthy``: a second call goes on where the first one stopped, and may ask for more
seeds of some tasks. Figures of all kept sessions go to ``benchmarks/healthy.json`` and the table to
``benchmarks/healthy.md``: remove the folder before a new version is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

from machine import describe_machine, markdown_table
from pytest_ftcheck.tasks.card import builtin_tasks

HERE = Path(__file__).parent
KEPT = HERE.parent / "build" / "healthy"

Row = dict[str, Any]


def one_session(task: str, checkpoint: str, engine: str, seed: int) -> Row:
    """Run one session, or read what an earlier call left of it."""
    folder = KEPT / f"{task}-{checkpoint}-{engine}-{seed}"
    kept = folder / "session.json"
    if kept.is_file():
        return dict(json.loads(kept.read_text(encoding="utf-8")))
    folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    options = [f"--ftcheck-{name}" for name in (f"task={task}", f"model={checkpoint}", f"engine={engine}")]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, f"--ftcheck-seeds={seed}"]
    done = subprocess.run(  # noqa: S603 - this very interpreter
        [*command, "--ftcheck-json=document.json", "--basetemp=runs"],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    document = json.loads((folder / "document.json").read_text(encoding="utf-8"))
    outcomes = Counter(check["outcome"] for check in document["checks"])
    session = {
        "task": task,
        "checkpoint": checkpoint,
        "engine": engine,
        "seed": seed,
        "exit": done.returncode,
        "seconds": time.perf_counter() - started,
        "checks": dict(outcomes),
        "findings": document["findings"],
        "metrics": {gate["metric"]: gate["value"] for gate in document["gates"]},
    }
    kept.write_text(json.dumps(session), encoding="utf-8")
    return session


def table(sessions: list[Row]) -> str:
    """Render one row per task, checkpoint and engine."""
    rows = []
    for key in sorted({(s["task"], s["checkpoint"], s["engine"]) for s in sessions}):
        ours = [s for s in sessions if (s["task"], s["checkpoint"], s["engine"]) == key]
        false_alarms = Counter(finding["check"] for s in ours for finding in s["findings"])
        rows.append(
            [
                *key,
                str(len(ours)),
                str(sum(s["exit"] == 0 for s in ours)),
                str(sum(s["checks"].get("passed", 0) for s in ours)),
                str(sum(s["checks"].get("skipped", 0) for s in ours)),
                ", ".join(f"{name} ({count})" for name, count in false_alarms.items()) or "none",
                f"{statistics.median(s['seconds'] for s in ours):.0f}",
            ]
        )
    header = ["task", "checkpoint", "engine", "sessions", "green", "checks passed", "skipped", "red", "median s"]
    return markdown_table(header, rows)


def main() -> None:
    """Run the sessions and write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--first-seed", type=int, default=1000, help="seeds that nothing was chosen by")
    parser.add_argument("--tasks", type=lambda text: text.split(","), default=sorted(builtin_tasks()))
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    combinations = list(product(sorted(builtin_tasks()), ("tiny-bert", "tiny-distilbert"), ("trainer", "manual")))
    # Each session has a seed of its own, so that no two see the same numbers. The first seed of each combination comes
    # before the second of any, so that a run that was stopped has seen all of them.
    jobs = [
        (*combination, arguments.first_seed + 100 * index + offset)
        for offset in range(arguments.seeds)
        for index, combination in enumerate(combinations)
        if combination[0] in arguments.tasks
    ]
    with ThreadPoolExecutor(arguments.processes) as pool:
        for count, session in enumerate(pool.map(lambda job: one_session(*job), jobs), start=1):
            red = [finding["check"] for finding in session["findings"]]
            print(count, "of", len(jobs), *list(session.values())[:6], red, flush=True)
    sessions = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(KEPT.glob("*/session.json"))]
    (HERE / "healthy.json").write_text(json.dumps(sessions, indent=1) + "\n", encoding="utf-8")
    green = sum(session["exit"] == 0 for session in sessions)
    text = (
        f"# Healthy sessions\n\n{green} of {len(sessions)} sessions green. Made by `python benchmarks/healthy.py` on: "
        f"{describe_machine()}; one thread a session, {arguments.processes} at a time.\n\n"
        "A session is one `pytest --ftcheck-task=…` with the whole default catalogue, in a process and with a seed of "
        "its own. The data is synthetic: generated by pytest-ftcheck, not GLUE and not Yelp. Skipped checks have "
        "nothing to say about these parts (a single text has no second segment), and say so. Other work may have "
        "shared the machine: the seconds say little.\n\n" + table(sessions)
    )
    (HERE / "healthy.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
