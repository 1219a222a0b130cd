"""What all forks of this process share: everything is imported once."""

from __future__ import annotations

import importlib
import os
import pkgutil
from typing import TYPE_CHECKING

import pytest

import pytest_ftcheck

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ftcheck.pipeline.parts import Pipeline


@pytest.fixture(scope="session", autouse=True)
def _imported(make_pipeline: Callable[..., Pipeline], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Import what a session imports, and train once: the forks start where this process stands."""
    if not hasattr(os, "fork"):
        pytest.skip("sessions are forks of one process, which this system does not have")
    import torch

    from pytest_ftcheck.runs.store import RunStore
    from pytest_ftcheck.settings import Settings
    from pytest_ftcheck.training.train_or_load import train_or_load

    for module in pkgutil.walk_packages(pytest_ftcheck.__path__, "pytest_ftcheck."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # a pool of threads does not survive a fork
    train_or_load(
        make_pipeline("sst2", train_rows=8, eval_rows=8),
        Settings(threads=1),
        RunStore(tmp_path_factory.mktemp("runs")),
        engine="trainer",
        seed=0,
    )
    yield
    torch.set_num_threads(before)
