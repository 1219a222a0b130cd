"""Real models with new heads, a seed for each draw: what `false_alarms.py` asks of the bundled checkpoints."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.pipeline.from_card import build_pipeline
from pytest_ftcheck.runs.environment import describe_environment
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.tasks.card import load_card
from pytest_ftcheck.training.probe import probe

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run


@cache
def pipeline_of(task: str, checkpoint: str) -> Pipeline:
    """Build the parts once."""
    settings = Settings(model=checkpoint, max_train_rows=256, max_eval_rows=64, threads=1, device="cpu")
    return build_pipeline(load_card(task, {}), settings)


def _no_run() -> Run:
    msg = "these checks need no run"
    raise NotApplicable(msg)


def judged(check: str, task: str, checkpoint: str, seed: int) -> bool:
    """Ask a check about a pipeline with a seed."""
    pipeline, environment = pipeline_of(task, checkpoint), describe_environment("cpu", "float32", threads=1)

    def make_probe(**changes: Any) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            return probe(pipeline, environment=environment, folder=Path(folder), **changes)

    evidence = Evidence(
        pipeline, engine="manual", seed=seed, environment=environment, make_run=_no_run, make_probe=make_probe
    )
    with suppress(NotApplicable):
        return bool(run_check(catalogue()[check], evidence))
    return False


def head_is_red(task: str, checkpoint: str) -> Callable[[np.random.Generator], bool]:
    """Draw a new head."""
    return lambda generator: judged("model.loss_at_start", task, checkpoint, int(generator.integers(1 << 30)))


def attempt_is_red(task: str, checkpoint: str) -> Callable[[np.random.Generator], bool]:
    """Draw a new head, and learn eight rows by heart with it."""
    return lambda generator: judged("training.overfits_batch", task, checkpoint, int(generator.integers(1 << 30)))
