"""How fast both engines train, beside what people run: samples per second, as ratios.

::

    python benchmarks/engines.py                        # the bundled task and checkpoint
    python benchmarks/engines.py --data DATA/glue/mrpc --model CHECKPOINTS/minilm-l6 --rows 800 --batch-size 16 \
        --threads 2                                     # a real one: about fifteen minutes on two cores

Loops take turns (all of them, and again), so that a busy machine slows all of them alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from datasets import Dataset
from transformers import Trainer, TrainingArguments, default_data_collator, set_seed
from transformers.trainer_callback import PrinterCallback

from engine_costs import costs_table
from machine import describe_machine, markdown_table
from pytest_ftcheck.pipeline.from_card import build_pipeline
from pytest_ftcheck.pipeline.quiet import quiet_libraries
from pytest_ftcheck.runs.environment import describe_environment
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.speed.batches import Work
from pytest_ftcheck.speed.flops import formula_flops
from pytest_ftcheck.speed.peak import matmul_peak
from pytest_ftcheck.tasks.card import load_card
from pytest_ftcheck.training.batches import only_accepted
from pytest_ftcheck.training.cpu import fast_cpu
from pytest_ftcheck.training.train import train_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline

RUN_GLUE, PLAIN = "Trainer, run_glue.py's defaults: padded to 128", "Trainer, DataCollatorWithPadding"
PADDED = 128
"""Tokens: ``max_seq_length`` of run_glue.py, whose ``pad_to_max_length`` is on."""
ONE_EPOCH = {"num_train_epochs": 1, "eval_strategy": "no", "save_strategy": "no", "load_best_model_at_end": False}


def plain_trainer(pipeline: Pipeline, *, batch_size: int, padded: bool) -> float:
    """Train one epoch as a script does, with the arguments' own defaults; return seconds.

    Args:
        pipeline: gives model, rows and collator.
        batch_size: rows of a step.
        padded: every row to `PADDED` tokens when it is tokenized, as run_glue.py does; else each batch to its longest.

    """
    set_seed(0)
    model = pipeline.model_init()
    rows, collator = pipeline.train_dataset, cast("Any", pipeline.data_collator)
    if padded:
        kept = only_accepted(rows, model).to_list()
        labels = {"labels": [row.get("labels", row.get("label")) for row in kept]}
        encoded = cast("Any", pipeline.processing_class).pad(
            [{name: row[name] for name in row if not name.startswith("label")} for row in kept],
            padding="max_length",
            max_length=PADDED,
        )
        rows, collator = Dataset.from_dict({**encoded, **labels}), default_data_collator
    with tempfile.TemporaryDirectory() as folder, quiet_libraries():
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=1,
            per_device_train_batch_size=batch_size,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
            use_cpu=True,
        )
        trainer = Trainer(model=model, args=arguments, data_collator=collator, train_dataset=rows)
        trainer.remove_callback(PrinterCallback)
        started = time.perf_counter()
        trainer.train()
        return time.perf_counter() - started


def engine(pipeline: Pipeline, *, threads: int, name: str) -> float:
    """Train one epoch with an engine; return seconds."""
    environment = describe_environment("cpu", "float32", threads)
    with tempfile.TemporaryDirectory() as folder:
        run = train_run(pipeline, engine=name, seed=0, environment=environment, folder=Path(folder))
    return run.timings["train"]


def loops(pipeline: Pipeline, options: argparse.Namespace) -> dict[str, Callable[[], float]]:
    """Return what is compared, by name."""
    plain = partial(plain_trainer, pipeline, batch_size=options.batch_size)
    found: dict[str, Callable[[], float]] = {
        RUN_GLUE: partial(plain, padded=True),
        PLAIN: partial(plain, padded=False),
    }
    for name in ("trainer", "manual"):
        for dtype, bf16 in (("float32", False), ("bfloat16", True)):
            lean = replace(pipeline, args={**pipeline.args, "bf16": bf16})
            found[f"engine {name}, {dtype}"] = partial(engine, lean, threads=options.threads, name=name)
    return found


def measure(pipeline: Pipeline, options: argparse.Namespace) -> dict[str, list[float]]:
    """Let every loop train in turn; return seconds of each of its turns."""
    compared = loops(pipeline, options)
    seconds: dict[str, list[float]] = {name: [] for name in compared}
    for _ in range(options.rounds):
        for name, loop in compared.items():
            seconds[name].append(loop())
            print(f"{name}: {seconds[name][-1]:.1f} s", flush=True)
    return seconds


def model_flops(pipeline: Pipeline) -> float:
    """Count an epoch's operations on real tokens: 6 for each parameter that is multiplied, and attention's own."""
    lengths = [len(ids) for ids in pipeline.train_dataset["input_ids"][:]]
    return formula_flops(pipeline.model_init(), Work(tuple((1, length) for length in lengths), sum(lengths)))


def table(seconds: dict[str, list[float]], pipeline: Pipeline) -> str:
    """Render samples per second, the ratios to what people run, and the share of the matrix products' rate."""
    rows, flops, device = len(pipeline.train_dataset), model_flops(pipeline), torch.device("cpu")
    dtypes = {name: getattr(torch, name) for name in ("float32", "bfloat16")}
    peaks = {name: matmul_peak(device, dtype) for name, dtype in dtypes.items()}
    with fast_cpu("cpu"):
        best = {name: max(peaks[name], matmul_peak(device, dtype)) for name, dtype in dtypes.items()}
    lines = []
    for name, values in seconds.items():
        dtype = "bfloat16" if "bfloat16" in name else "float32"
        ratios = [
            f"{statistics.median(theirs / ours for ours, theirs in zip(values, seconds[other], strict=True)):.2f}"
            for other in (RUN_GLUE, PLAIN)
        ]
        median = statistics.median(values)
        lines.append(
            [name, f"{rows / median:.1f}", *ratios, *(f"{flops / median / peak[dtype]:.0%}" for peak in (peaks, best))]
        )
    caption = ", ".join(
        f"{peak / 1e9:.0f} GFLOP/s in {name} as PyTorch is installed, {best[name] / 1e9:.0f} as the engines multiply"
        for name, peak in peaks.items()
    )
    header = ["loop", "samples/s", "x run_glue.py", "x plain Trainer", "of torch.matmul's rate", "of the best rate"]
    return f"{markdown_table(header, lines)}\nThe rates, of the best of three sizes: {caption}.\n"


def main(arguments: list[str] | None = None) -> str:
    """Measure and return the tables."""
    options = parsed(arguments)
    settings = Settings(model=options.model, data=options.data, max_train_rows=options.rows, max_eval_rows=8)
    base = build_pipeline(load_card("mrpc", {}), settings)
    recipe = {"per_device_train_batch_size": options.batch_size, "train_sampling_strategy": "group_by_length"}
    pipeline = replace(base, args={**base.args, **ONE_EPOCH, **recipe})
    torch.set_num_threads(options.threads)
    seconds = measure(pipeline, options)
    text = (
        f"{pipeline.checkpoint.name} on {len(pipeline.train_dataset)} rows of MRPC, one epoch in batches of "
        f"{options.batch_size}, {options.threads} threads; medians of {options.rounds} turns. The engines group rows "
        f"by length.\n\n{table(seconds, pipeline)}\n{costs_table(pipeline, options.threads)}"
    )
    if options.out:
        # Not where data and checkpoint lie: that is the machine's own.
        kept = {name: getattr(options, name) for name in ("rows", "batch_size", "threads", "rounds")}
        document = {
            "machine": describe_machine(),
            "options": kept,
            "seconds": seconds,
            "checkpoint": pipeline.checkpoint.name,
        }
        options.out.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        head = f"# Engines\n\nMade by `benchmarks/engines.py` on: {describe_machine()}\n\n"
        options.out.with_suffix(".md").write_text(head + text, encoding="utf-8")
    return text


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="a folder with MRPC; else the bundled one")
    parser.add_argument("--model", help="a checkpoint; else tiny-bert")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="writes this .md and .json")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    print(main())
