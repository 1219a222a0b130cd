"""Two ways to train that give the same, and one whose loss is a thousandth too large: false alarms and detections.

    python benchmarks/equivalence.py [--seeds 5] [--output build/some.md]

The checks of the equivalence family over the bundled data and checkpoints, each seed with a head of its own; the raw
verdicts are written to ``benchmarks/equivalence.json``, the table to ``benchmarks/equivalence.md``. A quarter
of an hour on one busy core.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from machine import describe_machine, markdown_table
from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.equivalence.ways import LIMITS, TOLERANCE, compared, other_way, reference, verdict
from pytest_ftcheck.checks.evidence_of import evidence_for
from pytest_ftcheck.faults.fault import faults
from pytest_ftcheck.gates.intervals import wilson
from pytest_ftcheck.pipeline.from_card import build_pipeline
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.tasks.card import load_card
from pytest_ftcheck.training.variants import Rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

HERE = Path(__file__).parent
FAULT = "accumulated_loss_off_by_a_thousandth"
WAYS = ("accumulation", "attention", "gradient_checkpointing", "padding", "evaluation_batches")
TASKS = ("mrpc", "sst2", "stsb")
CHECKPOINTS = ("tiny-bert", "tiny-distilbert")
PRECISIONS = ("float32", "bfloat16")
_ANOTHER = 99
"""Seed of a repetition that is not among those of the null."""

Row = dict[str, Any]


def same_way(evidence: Evidence) -> list[Finding]:
    """Judge the first way beside itself, rounded differently: A/A."""
    first = reference(evidence)
    again = other_way(evidence, first, variant=Rounded(_ANOTHER))
    thresholds = {**LIMITS, "tolerance": TOLERANCE[evidence.precision]}
    return verdict(evidence, compared(first.probe, again, first.null), thresholds, ways="the same way twice")


def rows_of(task: str, checkpoint: str, precision: str, seed: int, ways: Sequence[str]) -> Iterator[Row]:
    """Judge every way of one model, healthy and with the fault."""
    settings = Settings(model=checkpoint, threads=1, device="cpu")
    pipeline = build_pipeline(load_card(task, {}), settings)
    pipeline = replace(pipeline, args={**pipeline.args, "bf16": precision == "bfloat16"})
    evidence_of = evidence_for(settings, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        healthy = evidence_of(pipeline, "trainer", Path(folder))
        planted = evidence_of(faults()[FAULT].plant(pipeline), "trainer", Path(folder))
        asked: list[tuple[str, bool, Callable[[], list[Finding]]]] = [
            ("the same way twice (A/A)", False, lambda: same_way(healthy)),
            *((way, False, _check(way, healthy)) for way in ways),
            ("accumulation", True, _check("accumulation", planted)),
        ]
        for way, has_fault, judge in asked:
            started = time.perf_counter()
            try:
                found = judge()
                state, told = ("red", found[0].observed) if found else ("green", "")
            except NotApplicable as reason:
                state, told = "hidden", str(reason)
            yield {
                "task": task,
                "checkpoint": checkpoint,
                "precision": precision,
                "seed": seed,
                "way": way,
                "fault": has_fault,
                "state": state,
                "told": told,
                "seconds": round(time.perf_counter() - started, 2),
            }


def _check(way: str, evidence: Evidence) -> Callable[[], list[Finding]]:
    return lambda: run_check(catalogue()[f"equivalence.{way}"], evidence)


def table(rows: list[Row]) -> str:
    """Render a row per precision and way, with Wilson's intervals of 95%."""
    lines = []
    for precision in dict.fromkeys(row["precision"] for row in rows):
        ours = [row for row in rows if row["precision"] == precision]
        groups: dict[str, list[Row]] = {}
        for row in sorted(ours, key=lambda row: row["fault"]):
            groups.setdefault(row["way"] + (", loss times 1.001" if row["fault"] else ""), []).append(row)
        groups["all without a fault"] = [row for row in ours if not row["fault"]]
        lines += [[precision, name, *_counts(group)] for name, group in groups.items()]
    header = ["precision", "two ways", "comparisons", "red", "share, 95% interval", "hidden", "median s"]
    return markdown_table(header, lines)


def _counts(rows: list[Row]) -> list[str]:
    red = sum(row["state"] == "red" for row in rows)
    interval = wilson(red, len(rows))
    share = f"{red / len(rows):.1%} ({interval.low:.1%} to {interval.high:.1%})"
    seconds = sorted(row["seconds"] for row in rows)[len(rows) // 2]
    return [str(len(rows)), str(red), share, str(sum(row["state"] == "hidden" for row in rows)), f"{seconds:.1f}"]


def main() -> None:
    """Judge, and write verdicts and table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="of each task and checkpoint in float32")
    parser.add_argument("--way-seeds", type=int, default=3, help="of those, with all ways")
    parser.add_argument("--half-seeds", type=int, default=1, help="in bfloat16, which takes 8 times as long")
    parser.add_argument("--output", type=Path, default=HERE / "equivalence.md")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rows: list[Row] = []
    for precision, seeds in zip(PRECISIONS, (arguments.seeds, arguments.half_seeds), strict=True):
        for task in TASKS:
            for checkpoint in CHECKPOINTS:
                for seed in range(seeds):
                    ways = WAYS if seed < arguments.way_seeds else WAYS[:1]
                    rows += rows_of(task, checkpoint, precision, seed, ways)
                    print(len(rows), precision, task, checkpoint, seed, rows[-1]["state"], flush=True)
    arguments.output.write_text(_page(rows, arguments), encoding="utf-8")
    kept = arguments.output.with_suffix(".json")
    kept.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n", encoding="utf-8")


def _page(rows: list[Row], arguments: argparse.Namespace) -> str:
    options = f"--seeds {arguments.seeds} --way-seeds {arguments.way_seeds} --half-seeds {arguments.half_seeds}"
    return f"""# Equivalent trainings: false alarms and detections

Made by `python benchmarks/equivalence.py {options}` on: {describe_machine()}; one thread, other work beside it.

Tasks {", ".join(TASKS)}, checkpoints {", ".join(CHECKPOINTS)}, each seed with a head of its own; engine trainer.
`bfloat16` is mixed precision (`bf16=True`). A comparison is a verdict of a check over losses and lengths of gradients
(or logits); "the same way twice" is the first way beside one more repetition of itself that rounds differently. Red
without a fault is a false alarm, red with the fault a detection. "Hidden": green, and the check says that it could not
see 0.1% (in half precision 0.3%), so that it is skipped. Seconds: the first check of a model trains the reference too.

{table(rows)}"""


if __name__ == "__main__":
    main()
