"""What all forks of this process share: everything is imported once, and trained once."""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import pytest_ftcheck

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ftcheck.pipeline.parts import Pipeline

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session", autouse=True)
def _imported(make_pipeline: Callable[..., Pipeline], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Import what a session imports, load its rows, and train once: the forks start where this process stands."""
    if not Path("/proc/self/fd").exists() or not hasattr(os, "fork"):
        pytest.skip("sessions are forks of one process, whose open files have names in /proc")
    import torch

    from pytest_ftcheck.runs.store import RunStore
    from pytest_ftcheck.settings import Settings
    from pytest_ftcheck.tasks.card import load_card
    from pytest_ftcheck.training.train_or_load import train_or_load

    for module in pkgutil.walk_packages(pytest_ftcheck.__path__, "pytest_ftcheck."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # a pool of threads does not survive a fork
    pipeline = make_pipeline("sst2", train_rows=8, eval_rows=8)
    store = RunStore(tmp_path_factory.mktemp("runs"))
    train_or_load(pipeline, Settings(threads=1), store, engine="trainer", seed=0)
    writers = importlib.import_module("kill_writers")
    writers.load_once(load_card("sst2", {}), Settings(max_train_rows=32, max_eval_rows=200), "tiny")
    gc.collect()
    gc.freeze()  # forks share what nobody counts
    yield
    gc.unfreeze()
    torch.set_num_threads(before)


@pytest.fixture(params=["json", "baseline", "floors", "store"])
def reference(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """One writer after another: a project as it was before, and as it is when a session has ended well."""
    writer = importlib.import_module("kill_writers").WRITERS[request.param]
    return importlib.import_module("kill_reference").make_reference(writer, tmp_path)
