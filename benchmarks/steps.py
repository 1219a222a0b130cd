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
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import BertConfig, BertForSequenceClassification

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
    from collections.abc import Callable, Iterator, Mapping

    from pytest_ftcheck.pipeline.parts import Pipeline

HERE = Path(__file__).parent
TOLERANCE = 0.05
STEPS = 10
"""Of the loops, between two looks at the clock; comparisons look after every one."""
COPIES = 20
"""Comparisons between two of which the steps are made anew, somewhere else in memory."""
SECONDS = 20.0
"""Of a comparison, at most; a user's may take a minute, but is one and not 800."""
KEPT = ("ratio", "null", "rounds", "verdict")
"""Of each comparison's record."""
SMALLEST: Mapping[str, Any] = {
    "vocab_size": 374,  # tiny-bert's
    "num_hidden_layers": 1,
    "hidden_size": 32,
    "num_attention_heads": 1,
    "intermediate_size": 64,
    "max_position_embeddings": 128,
}
"""Of the step that is compared: a few ms, as short as one gets, hardest to time; a comparison takes seconds."""
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
        """Take the steps, and go on working for a tenth of the time that they took."""
        before = time.perf_counter()
        seconds = self._blocks(steps)
        took = time.perf_counter() - before
        while time.perf_counter() - before < 1.1 * took:
            pass
        return seconds * (time.perf_counter() - before) / took


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


def smallest_model() -> BertForSequenceClassification:
    """Make the model whose steps are compared."""
    return BertForSequenceClassification(BertConfig(**SMALLEST))


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
        found.append(compare(first, other, again, names=names, steps=1, tolerance=TOLERANCE, most_seconds=SECONDS))
    return found


def main() -> None:
    """Measure, print and write."""
    options = parsed()
    with undisturbed(options.threads, options.device, fast=True):
        measure_all(options)


def measure_all(options: argparse.Namespace) -> None:
    """Measure, print and write what was asked for."""
    base = build_pipeline(load_card("mrpc", {}), Settings())
    shaped = with_shape(base, options.shape) if options.shape else base
    case = StepCase(options.batch_size, options.dtype, options.seq_len)
    pipeline = case.of(shaped)
    what = f"{pipeline.checkpoint.name}, {options.batch_size} x {options.seq_len} tokens, {options.dtype}"
    document: dict[str, Any] = {
        "machine": describe_machine(options.device, options.threads),
        "what": what,
        "loops": loops(pipeline, options.device, options.rounds),
        "comparisons": {},
    }
    where = describe_processor() if options.device == "cpu" else document["machine"]["device_name"]
    made = f"Made by `python benchmarks/steps.py` on: {where}; {options.threads} threads"
    text = f"# Step times and comparisons\n\n{made}\n\n"
    text += f"{what}; medians of {options.rounds} rounds of {STEPS} steps, taking turns.\n\n"
    text += loops_table(document["loops"])
    if options.comparisons:
        found = all_comparisons(case.of(replace(base, model_init=smallest_model)), options.device, options.comparisons)
        document["comparisons"] = {
            name: [{key: record[key] for key in KEPT} for record in (one.to_record() for one in kind)]
            for name, kind in found.items()
        }
        text += f"\n{verdicts_table(found)}"
    print(text)
    if options.out:
        options.out.with_suffix(".json").write_text(json.dumps(document) + "\n", encoding="utf-8")
        options.out.with_suffix(".md").write_text(text, encoding="utf-8")


def all_comparisons(pipeline: Pipeline, device: str, count: int) -> dict[str, list[Comparison]]:
    """Compare the step with itself and with one that has more work in it, alone and beside a busy process."""
    found = {}
    for where, busy in LOADS.items():
        for slowed in (False, True):
            name = f"{'10% more work' if slowed else 'the same step'}, {where}"
            with load(busy=busy):
                found[name] = comparisons(pipeline, device, count, slowed=slowed)
            print(name, Counter(one.verdict for one in found[name]), flush=True)
    return found


def verdicts_table(found: dict[str, list[Comparison]]) -> str:
    """Count the verdicts of each kind of comparison."""
    verdicts = ("slower", "no slower", "faster", "undecided", "too noisy")
    rows = []
    for name, kind in found.items():
        counted = Counter(one.verdict for one in kind)
        step = statistics.median(one.seconds[0] for one in kind) * 1e3
        rounds = statistics.median(one.rounds for one in kind)
        rows.append([name, str(len(kind)), *(str(counted[v]) for v in verdicts), f"{rounds:.0f}", f"{step:.2f}"])
    header = ["compared", "times", *verdicts, "rounds", "ms a row"]
    caption = f"Verdicts at a tolerance of {TOLERANCE:.0%}, at most {SECONDS:.0f} s each, steps of one layer of 32:"
    return f"{caption}\n\n{markdown_table(header, rows)}"


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
