"""The gates on the real MRPC with a real checkpoint: calibrated, then shown healthy seeds and models that are worse.

::

    python benchmarks/mrpc.py --data DATA/glue/mrpc --model CHECKPOINTS/minilm-l6 --out benchmarks/mrpc

Everything goes through the command line, in a project of its own, as a user would do it: 24 fine-tunes in bfloat16,
about an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from machine import describe_machine, markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterator

CALIBRATED = range(10)
HEALTHY = range(100, 105)
WORSE = range(200, 203)
FLIPPED = 0.3
"""Share of the training labels."""

CONFIGURATION = """\
[tasks.mrpc.recipe.full]
bf16 = true
"""
GATES = "--ftcheck-checks=metrics.floor"
FIRST_SEGMENT_ONLY = ("-p", "first_segment_only")
ONE_EPOCH = "num_train_epochs = 1\n"

BROKEN_TOKENIZATION = '''\
"""Break the tokenization: the second sentence never reaches the model."""

from dataclasses import replace

from pytest_ftcheck.pipeline import from_card

whole = from_card.tokenize


def first_segment_only(card, *arguments):
    return whole(replace(card, text_columns=card.text_columns[:1]), *arguments)


from_card.tokenize = first_segment_only
'''


class Project:
    """A user's folder with the data, a configuration and what the sessions leave."""

    def __init__(self, folder: Path, data: Path, model: str, threads: int) -> None:
        self._folder = folder
        self._command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--ftcheck-task=mrpc"]
        self._command += ["--ftcheck-data=data", f"--ftcheck-model={model}", "--ftcheck-engine=manual"]
        self._command += [f"--ftcheck-threads={threads}", "--ftcheck-json=report.json"]
        self._healthy = data
        self.configure("")
        (folder / "first_segment_only.py").write_text(BROKEN_TOKENIZATION, encoding="utf-8")
        self.take_data(flipped=0.0)

    def configure(self, more: str) -> None:
        """Write the recipe; limits that a calibration has written stay."""
        path = self._folder / "ftcheck.toml"
        before = path.read_text(encoding="utf-8") if path.exists() else CONFIGURATION
        before = before.replace(ONE_EPOCH, "")
        path.write_text(before.replace("bf16 = true\n", f"bf16 = true\n{more}"), encoding="utf-8")

    def take_data(self, *, flipped: float) -> None:
        """Copy the data, with so many of the training labels flipped."""
        shutil.rmtree(self._folder / "data", ignore_errors=True)
        shutil.copytree(self._healthy, self._folder / "data")
        train = self._folder / "data" / "train.jsonl"
        rows = [json.loads(line) for line in train.read_text(encoding="utf-8").splitlines()]
        for index in np.random.default_rng(0).choice(len(rows), round(flipped * len(rows)), replace=False):
            rows[index]["label"] = 1 - rows[index]["label"]
        train.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")

    def pytest(self, *arguments: str) -> dict[str, Any]:
        """Run a session; return its JSON document, with what it printed."""
        path = os.pathsep.join([str(self._folder), os.environ.get("PYTHONPATH", "")])
        ended = subprocess.run(  # noqa: S603 - no shell, and it runs this very Python, with options that are written here
            [*self._command, *arguments],
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": path},
            text=True,
            capture_output=True,
            check=False,
        )
        print(" ".join(arguments), "-> exit code", ended.returncode, flush=True)
        if ended.returncode > 1:  # neither green nor red
            sys.exit(ended.stdout + ended.stderr)
        document: dict[str, Any] = json.loads((self._folder / "report.json").read_text(encoding="utf-8"))
        return {**document, "output": ended.stdout, "returncode": ended.returncode}

    def judged(self, seed: int, *arguments: str) -> dict[str, Any]:
        """Train a seed and judge it by floors and baseline; return what a line of the table needs."""
        document = self.pytest(GATES, f"--ftcheck-seeds={seed}", *arguments)
        (run,) = document["runs"]
        return {
            "seed": seed,
            "metrics": {name: run["metrics"][name] for name in ("accuracy", "f1")},
            "exit_code": document["returncode"],
            "red": [f"{found['check']}: {found['subject']}: {found['observed']}" for found in document["findings"]],
        }


def measure(project: Project) -> Iterator[dict[str, Any]]:
    """Calibrate, accept a baseline, then judge healthy seeds and worse models; yield what is known after each part."""
    reuse, store = "--ftcheck-reuse", "--ftcheck-store=store"
    calibration = project.pytest(f"--ftcheck-calibrate={len(CALIBRATED)}", "--ftcheck-write-floors", reuse, store)
    found: dict[str, Any] = {
        "machine": describe_machine(),
        "calibration": calibration["calibration"],
        "proposal": re.findall(r"^(?:accuracy|f1) = .*$", calibration["output"], re.MULTILINE),
        "seeds": [{"seed": run["seed"], "metrics": run["metrics"]} for run in calibration["runs"]],
    }
    yield found
    seeds = f"--ftcheck-seeds={CALIBRATED[0]}-{CALIBRATED[-1]}"
    accept = (GATES, "--ftcheck-update-baseline=force", "--ftcheck-reason=ten seeds")
    accepted = project.pytest(seeds, *accept, reuse, store)
    found["accepted"] = re.findall(r"^accepted .*$", accepted["output"], re.MULTILINE)
    found["healthy"] = [project.judged(seed) for seed in HEALTHY]
    yield found
    project.configure(ONE_EPOCH)
    found["one epoch instead of three"] = [project.judged(seed) for seed in WORSE]
    yield found
    project.configure("")
    found["second sentence never tokenized"] = [project.judged(seed, *FIRST_SEGMENT_ONLY) for seed in WORSE]
    yield found
    project.take_data(flipped=FLIPPED)
    found[f"{FLIPPED:.0%} of the train labels flipped"] = [project.judged(seed) for seed in WORSE]
    yield found


def table(found: dict[str, Any]) -> str:
    """Render the sessions, each with what turned red."""
    kinds = [kind for kind, value in found.items() if isinstance(value, list) and value and "exit_code" in value[0]]
    rows = []
    for kind in kinds:
        for session in found[kind]:
            metrics = [f"{session['metrics'][name]:.4f}" for name in ("accuracy", "f1")]
            verdict = "green" if session["exit_code"] == 0 else "red"
            gates = sorted({line.partition(":")[0] for line in session["red"]})
            rows.append([kind, str(session["seed"]), *metrics, verdict, ", ".join(gates) or "-"])
    return markdown_table(["model", "seed", "accuracy", "F1", "session", "by"], rows)


def render(found: dict[str, Any]) -> str:
    """Render the page."""
    seeds = [
        [str(run["seed"]), *(f"{run['metrics'][name]:.4f}" for name in ("accuracy", "f1", "loss"))]
        for run in found["seeds"]
    ]
    proposal = "\n".join(found["proposal"])
    return (
        f"# The gates on the real MRPC\n\nMade by `benchmarks/mrpc.py` on: {found['machine']}\n\n"
        "MiniLM-L6, three epochs of 3668 rows, engine manual, bfloat16; 408 rows evaluated.\n\n"
        f"## Ten seeds\n\n{markdown_table(['seed', 'accuracy', 'F1', 'loss'], seeds)}\n"
        f"`--ftcheck-calibrate=10 --ftcheck-write-floors` proposed and wrote:\n\n```toml\n{proposal}\n```\n\n"
        + "".join(f"- {note}\n" for limits in found["calibration"] for note in limits["notes"])
        + "\n## Sessions after it\n\nThe ten seeds were accepted as the baseline. Each session trains one seed.\n\n"
        + table(found)
    )


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True, help="writes this .md and .json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder), options.data.resolve(), str(options.model.resolve()), options.threads)
        for found in measure(project):
            options.out.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    options.out.with_suffix(".md").write_text(render(found), encoding="utf-8")
    print(render(found))


if __name__ == "__main__":
    main()
