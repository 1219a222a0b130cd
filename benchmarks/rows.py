"""What large data costs: time and peak memory of reading, tokenizing, the key and every check without a forward pass.

Run with ``python benchmarks/rows.py``; every number of rows is measured in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from machine import describe_machine, markdown_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence

HERE = Path(__file__).parent
SIZES = (1_000, 10_000, 100_000, 1_000_000)
MEAN_LENGTH = 22
"""Words of a text, of those that the checkpoint knows, drawn as in language: the n-th 1/n as often as the first."""
EVALUATED = 10
"""One in so many rows is evaluated."""
FAMILIES = ("data", "collator")
MIB = 2**20


def write_rows(folder: Path, count: int) -> int:
    """Write rows of random words with a label that follows from the last one; return the bytes."""
    import numpy as np  # noqa: PLC0415 - only in the process that measures
    import pyarrow as pa  # noqa: PLC0415 - as above
    from pyarrow import csv  # noqa: PLC0415 - as above

    from pytest_ftcheck.tasks.bundled import bundled_checkpoint  # noqa: PLC0415 - as above

    generator = np.random.default_rng(0)
    vocabulary = json.loads((bundled_checkpoint("tiny-bert") / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    words = np.array(sorted(word for word in vocabulary if word.isalpha()))
    chances = 1 / np.arange(1, len(words) + 1)
    chances /= chances.sum()
    splits = {"train": count - count // EVALUATED, "validation": count // EVALUATED}
    for name, rows in splits.items():
        lengths = generator.poisson(MEAN_LENGTH, size=rows) + 3
        drawn = generator.choice(len(words), size=int(lengths.sum()), p=chances)
        ends = np.cumsum(lengths)
        texts = [" ".join(words[drawn[end - length : end]]) for end, length in zip(ends, lengths, strict=True)]
        labels = drawn[ends - 1] % 2
        csv.write_csv(pa.table({"text": texts, "label": labels}), folder / f"{name}.csv")
    return sum(file.stat().st_size for file in folder.iterdir())


class Meter:
    """Measures steps: processor seconds, and the most memory above that of the process when it had imported all."""

    def __init__(self) -> None:
        self._start = self._resident()
        self.steps: dict[str, dict[str, float]] = {}

    def __call__(self, name: str, function: Callable[[], Any]) -> Any:
        """Run a function; keep what it cost under a name."""
        _forget_peak()
        wall, processor = time.perf_counter(), time.process_time()
        result = function()
        self.steps[name] = {
            "seconds": time.process_time() - processor,
            "wall": time.perf_counter() - wall,
            "peak_mib": (_peak() - self._start) / MIB,
        }
        print(f"  {name}: {self.steps[name]}", file=sys.stderr, flush=True)
        return result

    @staticmethod
    def _resident() -> int:
        _forget_peak()
        return _peak()


def _forget_peak() -> None:
    """Start the kernel's record of this process's peak anew; where there is none, the peak is of all steps so far."""
    if os.access("/proc/self/clear_refs", os.W_OK):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak() -> int:
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def measure(count: int) -> dict[str, Any]:
    """Read, tokenize, describe and check so many rows, in this process."""
    import torch  # noqa: PLC0415 - only in the process that measures

    from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check  # noqa: PLC0415 - as above
    from pytest_ftcheck.pipeline.from_card import build_pipeline, load_task_data  # noqa: PLC0415 - as above
    from pytest_ftcheck.runs.key import run_key  # noqa: PLC0415 - as above
    from pytest_ftcheck.settings import Settings  # noqa: PLC0415 - as above
    from pytest_ftcheck.tasks.card import load_card  # noqa: PLC0415 - as above
    from pytest_ftcheck.training.train_or_load import environment_of  # noqa: PLC0415 - as above

    torch.set_num_threads(1)
    checks = [entry for entry in catalogue().values() if entry.family in FAMILIES and entry.cost != "run"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = write_rows(folder, count)
        settings = Settings(model="tiny-bert", data=str(folder))
        card = load_card("rows", {"rows": _CARD})
        build_pipeline(load_card("sst2", {}), Settings(model="tiny-bert", max_train_rows=64, max_eval_rows=64))
        meter = Meter()
        data = meter("read", lambda: load_task_data(card, settings, "tiny"))
        pipeline = meter("tokenize", lambda: build_pipeline(card, settings, data))
        environment = environment_of(settings, pipeline)
        meter("key", lambda: run_key(pipeline, engine="manual", seed=0, environment=environment))
        evidence = _evidence(pipeline, environment)
        meter("model", lambda: evidence.fresh_model)
        found: dict[str, Any] = {}
        for entry in checks:
            try:
                found[entry.id] = list(map(str, meter(entry.id, partial(run_check, entry, evidence))))
            except NotApplicable as reason:
                found[entry.id] = f"skipped: {reason}"
    return {
        "rows": count,
        "bytes": size,
        "steps": meter.steps,
        "found": found,
        "checks": [entry.id for entry in checks],
    }


_CARD = {
    "head": "sequence-classification",
    "text_columns": ["text"],
    "label_column": "label",
    "label_names": ["negative", "positive"],
    "metric": {"path": "accuracy", "greater_is_better": {"accuracy": True}},
    "recipe": {"num_train_epochs": 1, "max_length": 64},
    "checkpoint": {"tiny": "tiny-bert"},
}


def _evidence(pipeline: Any, environment: dict[str, str]) -> Evidence:
    from pytest_ftcheck.checks.evidence import Evidence  # noqa: PLC0415 - imports torch

    def nothing(**_changes: Any) -> Any:
        msg = "these checks train nothing"
        raise AssertionError(msg)

    return Evidence(pipeline, engine="manual", seed=0, environment=environment, make_run=nothing, make_probe=nothing)


def render(measured: list[dict[str, Any]]) -> str:
    """Render seconds, memory, and how the seconds grow with the rows."""
    names = list(measured[-1]["steps"])
    header = ["step", *(f"{one['rows']:,} rows" for one in measured), "MiB at most", "slope"]
    rows = []
    for name in names:
        steps = [one["steps"].get(name) for one in measured]
        seconds = [f"{step['seconds']:.2f}" if step else "-" for step in steps]
        peak = max(step["peak_mib"] for step in steps if step)
        rows.append([name, *seconds, f"{peak:.0f}", _slope(measured, name)])
    checks = measured[-1]["checks"]
    totals = [sum(one["steps"].get(name, {"seconds": 0})["seconds"] for name in checks) for one in measured]
    peaks = [max(step["peak_mib"] for step in one["steps"].values()) for one in measured]
    rows.append(["**all checks**", *(f"**{total:.1f}**" for total in totals), f"{max(peaks):.0f}", ""])
    rows.append(["MiB above the start", *(f"{peak:.0f}" for peak in peaks), "", ""])
    return markdown_table(header, rows)


def _slope(measured: list[dict[str, Any]], name: str) -> str:
    """Exponent between the last two sizes: 1 is linear; a step that takes no time has none."""
    if len(measured) < 2:  # a slope needs two
        return ""
    first, second = (one["steps"].get(name, {"seconds": 0.0})["seconds"] for one in measured[-2:])
    if min(first, second) < 0.05:  # shorter than the clock and the noise
        return ""
    return f"{math.log(second / first) / math.log(measured[-1]['rows'] / measured[-2]['rows']):.2f}"


def main() -> None:
    """Measure each number of rows in a process of its own; write rows.json and rows.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--one", type=int, help="measure so many rows in this process, and print JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one)))
        return
    measured = []
    for size in options.sizes:
        print(f"{size:,} rows", file=sys.stderr)
        done = subprocess.run(  # noqa: S603 - this script itself
            [sys.executable, __file__, "--one", str(size)],
            check=True,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
        )
        measured.append(json.loads(done.stdout))
    document = {"machine": describe_machine(), "command": "python benchmarks/rows.py", "measured": measured}
    (HERE / "rows.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (HERE / "rows.md").write_text(_PAGE.format(table=render(measured), **document), encoding="utf-8")
    print(render(measured))


_PAGE = """# Large data

Processor seconds on one thread, by step and number of rows (nine tenths are trained on, one tenth is evaluated), for
sentences of about 25 words and tiny-bert. Memory is the peak above that of the process when it had imported everything.
The slope is the exponent between the last two sizes: 1.0 is linear.

{table}
Measured with `{command}` on {machine}.
"""


if __name__ == "__main__":
    main()
