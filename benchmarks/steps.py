"""Are the reported step times true, and is a slower step found? Beside a bare loop, against itself, and 10% slower.

::

    python benchmarks/steps.py                          # 200 comparisons of each kind, also beside a busy process
    python benchmarks/steps.py --comparisons 2          # to see that it runs
    python benchmarks/steps.py --comparisons 0 --device cuda --shape bert-base-uncased --batch-size 32 --seq-len 128 \
        --dtype bfloat16                                # the bare loop, the manual engine and the Trainer on a GPU
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from machine import describe_machine as describe_processor
from machine import markdown_table
from pytest_ftcheck.pipeline.from_card import build_pipeline
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.speed.blocks import ManualBlocks, TrainerBlocks
from pytest_ftcheck.speed.case import StepCase
from pytest_ftcheck.speed.compare import Comparison, compare
from pytest_ftcheck.speed.device import synchronize, undisturbed
from pytest_ftcheck.speed.machine import describe_machine
from pytest_ftcheck.speed.measure import Plan, time_rounds, warm_up
from pytest_ftcheck.speed.shapes import with_shape
from pytest_ftcheck.speed.step import TrainingStep, autocast_dtype, autocasts
from pytest_ftcheck.tasks.card import load_card
from pytest_ftcheck.training.manual import make_optimizer, make_scheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ftcheck.pipeline.parts import Pipeline

HERE = Path(__file__).parent
TOLERANCE = 0.05
STEPS = 10
"""Of a block: one more of them is 10% more work."""
COPIES = 20
"""Comparisons between two of which the steps are made anew, somewhere else in memory."""
LOADS = {"alone": False, "beside a busy process": True}


class BareLoop:
    """Next batch, forward, backward, clip, update, schedule: written out, with nothing of ours but the parts."""

    def __init__(self, pipeline: Pipeline, step: TrainingStep) -> None:
        self._rows, self._collate = pipeline.train_dataset, pipeline.data_collator
        self._numbers = cycle(step.row_numbers)
        self._device, self._args = step.device, step.args
        torch.manual_seed(0)
        made: Any = pipeline.model_init()
        self._model = made.to(step.device).train()
        self._optimizer = make_optimizer(self._model, step.args)
        self._scheduler = make_scheduler(self._optimizer, step.args, 10_000)

    def take(self) -> None:
        """Take one optimizer step."""
        batch = self._collate([self._rows[number] for number in next(self._numbers)])
        moved = {name: tensor.to(self._device) for name, tensor in batch.items()}
        with torch.autocast(self._device.type, dtype=autocast_dtype(self._args), enabled=autocasts(self._args)):
            loss = self._model(**moved).loss
        loss.backward()
        if self._args.max_grad_norm > 0:
            torch.nn.utils.clip_grad_norm_(self._model.parameters(), self._args.max_grad_norm)
        self._optimizer.step()
        self._scheduler.step()
        self._optimizer.zero_grad()


class Slowed:
    """Blocks with 10% more work in them."""

    def __init__(self, blocks: ManualBlocks) -> None:
        self._blocks = blocks

    def __call__(self, steps: int, /) -> float:
        """Take one step more for every ten, and do not tell."""
        more = steps + steps // 10
        return self._blocks(more) * more / steps


def by_hand(take: Callable[[], object], device: torch.device, steps: int) -> float:
    """Time some steps with a clock in the hand, on a GPU with two events; return seconds of a step."""
    if device.type == "cuda":
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        synchronize(device)
        first.record()
        for _ in range(steps):
            take()
        last.record()
        synchronize(device)
        return float(first.elapsed_time(last)) / 1e3 / steps
    before = time.perf_counter()
    for _ in range(steps):
        take()
    return (time.perf_counter() - before) / steps


def loops(pipeline: Pipeline, device: str, rounds: int) -> dict[str, list[float]]:
    """Time what is reported, the same step by hand, the bare loop and the Trainer; they take turns."""
    step = TrainingStep(pipeline, device=device, steps=1)
    bare = BareLoop(pipeline, step)
    trainer = TrainerBlocks(pipeline, device=device, seed=0, steps=1)
    warm_up(step)
    by_hand(bare.take, step.device, STEPS)
    seconds: dict[str, list[float]] = {"reported": [], "by hand": [], "bare loop": [], "trainer": []}
    for _ in range(rounds):
        seconds["reported"] += time_rounds(step, Plan(1, STEPS))
        seconds["by hand"].append(by_hand(step.take, step.device, STEPS))
        seconds["bare loop"].append(by_hand(bare.take, step.device, STEPS))
        seconds["trainer"].append(trainer(STEPS) * step.rows)
    return seconds


def loops_table(seconds: dict[str, list[float]]) -> str:
    """Render the loops with their ratios to the bare one and to the hand's clock."""
    rows = []
    for name, found in seconds.items():
        ratios = [
            f"{statistics.median(mine / theirs for mine, theirs in zip(found, seconds[other], strict=True)):.3f}"
            for other in ("by hand", "bare loop")
        ]
        rows.append([name, f"{statistics.median(found) * 1e3:.3f}", *ratios])
    return markdown_table(["loop", "ms a step", "of the same step by hand", "of the bare loop"], rows)


@contextmanager
def load(*, busy: bool) -> Iterator[None]:
    """Keep one core busy meanwhile, where asked for."""
    if not busy:
        yield
        return
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def comparisons(pipeline: Pipeline, device: str, count: int, *, slowed: bool) -> list[Comparison]:
    """Compare a step with a copy of itself, or with one that has 10% more work in it."""
    found: list[Comparison] = []
    made: list[ManualBlocks] = []
    for index in range(count):
        if index % COPIES == 0:
            made = [ManualBlocks(TrainingStep(pipeline, device=device, steps=1)) for _ in range(3)]
        first, second, again = made
        other = Slowed(second) if slowed else second
        names = ("a step", "10% more work" if slowed else "the same step")
        found.append(compare(first, other, again, names=names, steps=STEPS, tolerance=TOLERANCE))
    return found


def verdicts_row(name: str, found: list[Comparison]) -> list[str]:
    """Count the verdicts."""
    counted = Counter(comparison.verdict for comparison in found)
    verdicts = ("slower", "no slower", "faster", "undecided", "too noisy")
    rounds = statistics.median(comparison.rounds for comparison in found)
    return [name, str(len(found)), *(str(counted[verdict]) for verdict in verdicts), f"{rounds:.0f}"]


def main() -> None:
    """Measure, print and write."""
    options = parsed()
    with undisturbed(options.threads, options.device):
        measure_all(options)


def measure_all(options: argparse.Namespace) -> None:
    """Measure, print and write what was asked for."""
    base = build_pipeline(load_card("mrpc", {}), Settings())
    shaped = with_shape(base, options.shape) if options.shape else base
    pipeline = StepCase(options.batch_size, options.dtype, options.seq_len).of(shaped)
    what = f"{pipeline.checkpoint.name}, {options.batch_size} x {options.seq_len} tokens, {options.dtype}"
    seconds = loops(pipeline, options.device, options.rounds)
    document: dict[str, Any] = {
        "machine": describe_machine(options.device, options.threads),
        "what": what,
        "loops": seconds,
        "comparisons": {},
    }
    where = describe_processor() if options.device == "cpu" else document["machine"]["device_name"]
    text = f"# Step times and comparisons\n\nMade by `benchmarks/steps.py` on: {where}; {options.threads} threads\n\n"
    text += f"{what}; medians of {options.rounds} rounds of {STEPS} steps, taking turns.\n\n{loops_table(seconds)}\n"
    rows = []
    for where, busy in LOADS.items() if options.comparisons else ():
        for slowed in (False, True):
            name = f"{'10% more work' if slowed else 'the same step'}, {where}"
            with load(busy=busy):
                found = comparisons(pipeline, options.device, options.comparisons, slowed=slowed)
            document["comparisons"][name] = [comparison.to_record() for comparison in found]
            rows.append(verdicts_row(name, found))
            print(rows[-1], flush=True)
    if rows:
        header = ["compared", "times", "slower", "no slower", "faster", "undecided", "too noisy", "rounds"]
        text += f"Verdicts at a tolerance of {TOLERANCE:.0%}.\n\n{markdown_table(header, rows)}"
    print(text)
    if options.out:
        options.out.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        options.out.with_suffix(".md").write_text(text, encoding="utf-8")


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comparisons", type=int, default=200, help="of each kind")
    parser.add_argument("--rounds", type=int, default=40, help="of the loops")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--shape", help="random weights of this shape; else tiny-bert")
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--seq-len", type=int, default=16)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--out", type=Path, help="writes this .md and .json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
