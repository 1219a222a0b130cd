"""How fast both engines train, beside a bare loop over the same batches: samples per second, as ratios.

Runs alternate (trainer, manual, bare loop, and again), so that a busy machine slows all of them alike.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from machine import markdown_table
from pytest_ftcheck.pipeline.from_card import build_pipeline
from pytest_ftcheck.runs.environment import describe_environment
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.tasks.card import load_card
from pytest_ftcheck.training.engine import train_run

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline

ROUNDS = 5
ROWS = 1000
BATCH = 32


def bare_loop(pipeline: Pipeline) -> float:
    """Train one epoch with nothing but forward, backward, clip and update; return seconds."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = pipeline.model_init().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    order = torch.randperm(ROWS).tolist()
    started = time.perf_counter()
    for start in range(0, ROWS, BATCH):
        features = pipeline.train_dataset.select(order[start : start + BATCH]).to_list()
        model(**pipeline.data_collator(features)).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return time.perf_counter() - started


def engine(pipeline: Pipeline, name: str) -> float:
    """Train one epoch with an engine, and evaluate 8 rows; return seconds."""
    environment = describe_environment("cpu", "float32", 1)
    with tempfile.TemporaryDirectory() as folder:
        run = train_run(pipeline, engine=name, seed=0, environment=environment, folder=Path(folder))
    return run.timings["train"]


def main() -> str:
    """Measure and return the table."""
    base = build_pipeline(load_card("mrpc", {}), Settings(max_train_rows=ROWS, max_eval_rows=8))
    recipe = {"num_train_epochs": 1, "per_device_train_batch_size": BATCH, "load_best_model_at_end": False}
    pipeline = replace(base, args={**base.args, **recipe, "save_strategy": "no"})
    seconds: dict[str, list[float]] = {"bare loop": [], "manual": [], "trainer": []}
    for _ in range(ROUNDS):
        seconds["trainer"].append(engine(pipeline, "trainer"))
        seconds["manual"].append(engine(pipeline, "manual"))
        seconds["bare loop"].append(bare_loop(pipeline))
    rows = []
    for name, values in seconds.items():
        ratio = statistics.median(b / v for b, v in zip(seconds["bare loop"], values, strict=True))
        rows.append([name, f"{ROWS / statistics.median(values):.0f}", f"{ratio:.2f}"])
    caption = (
        f"tiny-bert on bundled mrpc, one epoch of {ROWS} rows in batches of {BATCH}, one thread; medians of {ROUNDS}."
    )
    return caption + "\n\n" + markdown_table(["loop", "samples/s", "speed against the bare loop"], rows)


if __name__ == "__main__":
    print(main())
