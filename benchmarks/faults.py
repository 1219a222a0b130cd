"""Plant every fault in bundled tasks, and write which check caught it into ``faults.md`` and ``faults.json``.

``python benchmarks/faults.py`` takes all of them: mrpc and wnut_17 with both engines; sst2, stsb and yelp_review_full
with the Trainer. ``--names=serving,stale_cache`` takes some, and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from multiprocessing import get_context, set_start_method
from pathlib import Path
from typing import Any

from machine import describe_machine, markdown_table
from pytest_ftcheck.checks.evidence_of import evidence_for
from pytest_ftcheck.faults.fault import faults, select_faults
from pytest_ftcheck.faults.prove import FaultRecord, Prover
from pytest_ftcheck.gates.pipeline_slices import pipeline_masks
from pytest_ftcheck.judging.checks import FLOOR, suite_catalogue
from pytest_ftcheck.judging.gating import CardGates
from pytest_ftcheck.pipeline.from_card import build_pipeline
from pytest_ftcheck.report.faults import faults_lines, faults_markdown
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.tasks.card import load_card

SESSIONS = {
    "mrpc": ("trainer", "manual"),
    "sst2": ("trainer",),
    "stsb": ("trainer",),
    "yelp_review_full": ("trainer",),
    "wnut_17": ("trainer", "manual"),
}
"""Engines by task."""


def prove_all(task: str, names: list[str]) -> tuple[list[FaultRecord], float]:
    """Plant the chosen faults in a task, with each of its engines; return the records, and the seconds that it took."""
    started = time.perf_counter()
    # As in a session: the workers of a data loader are forked, and may hold any data set and collator.
    set_start_method("fork", force=True)
    settings = Settings(device="cpu", threads=1)
    pipeline = build_pipeline(load_card(task, {}), settings)
    records = []
    with tempfile.TemporaryDirectory() as folder:
        gates = CardGates(settings, lambda planted: pipeline_masks(planted, settings.rootdir))
        checks = {**suite_catalogue(), FLOOR.id: gates.check()}
        prover = Prover(pipeline, evidence_for(settings, seed=0), checks, folder=Path(folder))
        for fault in select_faults(names):
            for engine in SESSIONS[task]:
                proof = prover.prove(fault, engine)
                records.append(proof.to_record())
                print(f"{task} {engine}: {fault.name} {proof.outcome}, {proof.seconds:.1f} s", flush=True)
    return records, time.perf_counter() - started


def page(records: list[FaultRecord], seconds: dict[str, float], processes: int) -> str:
    """Render everything as Markdown."""
    listed = {name for record in records for name in record.caught}
    without = sorted(suite_catalogue().keys() - listed)
    sessions = [
        [task, ", ".join(SESSIONS[task]), f"{value:.0f}", *_counts([r for r in records if r.task == task])]
        for task, value in seconds.items()
    ]
    lines = [
        "# Faults and the checks that catch them\n",
        f"Made by `python benchmarks/faults.py` on: {describe_machine()}.\n",
        f"{len(faults())} faults in tiny-bert on bundled data, seed 0; one thread a session, {processes} at a time.",
        "A cell names the listed checks that turned red and are green without the fault; faults.json has the others.\n",
        markdown_table(["task", "engines", "seconds", "caught", "survived", "not applicable"], sessions),
        "\n".join(faults_lines(records)) + "\n",
        f"Checks that no fault turned red here although it lists them: {', '.join(without) or 'none'}.\n",
        faults_markdown(records),
    ]
    return "\n".join(lines)


def _counts(records: list[FaultRecord]) -> list[str]:
    outcomes = [record.outcome for record in records]
    return [str(outcomes.count(outcome)) for outcome in ("caught", "survived", "n.a.")]


def shortened(record: FaultRecord) -> dict[str, Any]:
    """Return the plain values of a record without the checks that were green, and without this machine's folders."""
    verdicts = {
        name: replace(verdict, reason=re.sub(r"[^\s(]*/site-packages/", "", verdict.reason))
        for name, verdict in record.verdicts.items()
        if verdict.state != "green"
    }
    return asdict(replace(record, verdicts=verdicts))


def main() -> None:
    """Prove, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", default="all", help="faults or families, separated by commas")
    parser.add_argument("--tasks", default=",".join(SESSIONS), help="separated by commas")
    parser.add_argument("--processes", type=int, default=2, help="sessions at a time")
    given = parser.parse_args()
    tasks, names = given.tasks.split(","), given.names.split(",")
    records: list[FaultRecord] = []
    seconds: dict[str, float] = {}
    # Spawned: torch does not take kindly to being forked.
    with ProcessPoolExecutor(given.processes, mp_context=get_context("spawn")) as pool:
        jobs = {task: pool.submit(prove_all, task, names) for task in tasks}
        for task, job in jobs.items():
            found, seconds[task] = job.result()
            records += found
    text = page(records, seconds, given.processes)
    if names == ["all"] and tasks == list(SESSIONS):
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
        document = {
            "machine": describe_machine(),
            "seconds": seconds,
            "records": [shortened(record) for record in records],
        }
        Path(__file__).with_suffix(".json").write_text(json.dumps(document) + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
