"""A session over a few rows of sst2, and runs that are made up instead of trained."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_ftcheck.runs.environment import describe_environment
from pytest_ftcheck.runs.run import Run
from pytest_ftcheck.runs.trace import Trace
from pytest_ftcheck.sessions.session import Host, start_session
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.training.recorder import silent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.sessions.session import FtcheckSession

    MakeSession = Callable[..., FtcheckSession]
    MakeRun = Callable[..., Run]


@pytest.fixture(scope="session")
def few_rows(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    """100 evaluated rows of sst2."""
    return make_pipeline("sst2", train_rows=16, eval_rows=100)


@pytest.fixture
def make_session(few_rows: Pipeline, tmp_path: Path) -> MakeSession:
    """Return a function that starts a session of sst2: limits of accuracy and further keys of its card, settings."""

    def make(limits: Any = 0.8, card: dict[str, Any] | None = None, **settings: Any) -> FtcheckSession:
        tables = {"sst2": {"floors": {"tiny": {"tiny-bert": {"accuracy": limits}}}, **(card or {})}}
        host = Host(
            folder=lambda: tmp_path / "runs",
            scratch=lambda: tmp_path / "scratch",
            listening=lambda: nullcontext(silent),
        )
        session = start_session(Settings(tasks=("sst2",), task_tables=tables, rootdir=tmp_path, **settings), host)
        session.pipelines["sst2"] = replace(few_rows, card=session.card("sst2"))
        return session

    return make


@pytest.fixture
def make_run(few_rows: Pipeline, tmp_path: Path) -> MakeRun:
    """Return a function that makes up a run of which so many of the 100 rows are wrong, with further fields."""
    labels = np.array(few_rows.eval_dataset["labels"])

    def make(wrong: int = 0, **fields: Any) -> Run:
        predicted = np.where(np.arange(len(labels)) < wrong, 1 - labels, labels)
        known: dict[str, Any] = {
            "task": "sst2",
            "engine": "trainer",
            "seed": 0,
            "head": "sequence-classification",
            "checkpoint": "tiny-bert",
            "metrics": {"loss": 0.5, "accuracy": float(np.mean(predicted == labels))},
            "epochs": (),
            "best_epoch": None,
            "step_losses": (0.5,),
            "log_history": (),
            "logits": np.where(np.eye(2)[predicted] > 0, 1.0, -1.0).astype(np.float32),
            "label_ids": labels,
            "train_rows": 16,
            "timings": {"train": 1.5},
            "environment": describe_environment("cpu", "float32", threads=1),
            "trace": Trace(),
            "folder": tmp_path / "run",
        }
        return Run(**{**known, **fields})

    return make
