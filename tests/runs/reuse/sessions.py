"""Sessions over a small project, each in a process of its own: does a later one take the run of an earlier one?"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import sys
import traceback
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

PRELOADED = (
    "accelerate",
    "datasets",
    "torch",
    "transformers",
    "pytest_ftcheck.pipeline.from_trainer",
    "pytest_ftcheck.pipeline.from_card",
    "pytest_ftcheck.tasks.metrics",
    "pytest_ftcheck.training.train_or_load",
    "pytest_ftcheck.training.trainer",
    "sessions",
)
"""Imported once; every session is a fork of the process that has them."""


@dataclass
class Answer:
    """What a session says."""

    reused: bool = False
    notes: list[str] = field(default_factory=list)
    error: str = ""
    """Traceback, where it failed."""


class Sessions:
    """Runs sessions over folders."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        sys.path.insert(0, str(Path(__file__).parent))
        self._context.set_forkserver_preload(list(PRELOADED))

    def ask(self, project: Path, store: Path, environment: Mapping[str, str] | None = None) -> Answer:
        """Run a session over a project: the run is trained, or taken from the store."""
        receiver, sender = self._context.Pipe(duplex=False)
        process = self._context.Process(target=session, args=(sender, project, store, dict(environment or {})))
        process.start()
        sender.close()
        try:
            answer: Answer = receiver.recv()
        except EOFError:
            answer = Answer(error="the process ended without an answer")
        process.join()
        return answer


def session(sender: Any, project: Path, store: Path, environment: Mapping[str, str]) -> None:
    """Answer in the forked process."""
    try:
        sender.send(_answer(project, store, environment))
    except BaseException:  # noqa: BLE001 - the test tells of it
        sender.send(Answer(error=traceback.format_exc()))


def _answer(project: Path, store: Path, environment: Mapping[str, str]) -> Answer:
    import torch

    from pytest_ftcheck.runs.store import RunStore
    from pytest_ftcheck.settings import Settings
    from pytest_ftcheck.training.train_or_load import train_or_load

    sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for the life of the process
    torch.set_num_threads(1)
    os.environ.update({"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(store / "datasets"), **environment})
    os.chdir(os.environ.get("WORKING_FOLDER", project))
    sys.path.insert(0, str(project))
    settings = Settings(rootdir=project, device="cpu", threads=1, reuse=True, max_train_rows=16, max_eval_rows=8)
    if (project / "conftest.py").is_file():
        _load(project / "conftest.py")
    kept = RunStore(store / "runs", kept=True, aside=store / "aside")
    run = train_or_load(_pipeline(project, settings), settings, kept, engine="trainer", seed=0)
    return Answer(run.reused, kept.notes)


def _pipeline(project: Path, settings: Any) -> Any:
    """Take the Trainer of ``train.py``; else the bundled task sst2 with the parts that ``parts.py`` gives."""
    from pytest_ftcheck.pipeline.from_card import build_pipeline
    from pytest_ftcheck.pipeline.from_trainer import build_trainer_pipeline
    from pytest_ftcheck.sessions.parts import ModelCopies
    from pytest_ftcheck.tasks.card import load_card

    if (project / "train.py").is_file():
        return build_trainer_pipeline("mine", "train.py:build", {}, settings)
    pipeline = build_pipeline(load_card("sst2", {}), settings)
    parts = _load(project / "parts.py")
    args = {**pipeline.args, "max_steps": 2}
    pipeline = replace(pipeline, args=args, data_collator=parts.collator(pipeline.processing_class))
    if hasattr(parts, "model"):
        pipeline = replace(pipeline, model_init=ModelCopies(parts.model()))
    if hasattr(parts, "compute_metrics"):
        pipeline = replace(pipeline, compute_metrics=parts.compute_metrics)
    return pipeline


def _load(path: Path) -> Any:
    found = importlib.util.spec_from_file_location(path.stem, path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[path.stem] = module
    found.loader.exec_module(module)
    return module
