"""From a pipeline to its run: trained once, or taken from the store; a broken run is never kept."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_ftcheck.errors import CheckFailure, DeviceError, TaskError
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.runs.store import RunStore
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.training.train_or_load import SessionRuns, environment_of, train_or_load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run

SETTINGS = Settings(device="cpu", threads=1)


@pytest.fixture(scope="module")
def pipeline(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("stsb", train_rows=8, eval_rows=4, per_device_train_batch_size=4)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path)


def entries(store: RunStore) -> list[Path]:
    return [path for path in store.root.iterdir() if path.suffix != ".lock"]


def made(pipeline: Pipeline, store: RunStore, **changes: Any) -> tuple[Run, int]:
    """Return the run, and how many optimizer steps were taken for it."""
    told: list[Any] = []
    how = {"settings": SETTINGS, "engine": "manual", "seed": 0, **changes}
    run = train_or_load(pipeline, store=store, listener=told.append, **how)
    return run, len(told)


@pytest.mark.parametrize("engine", ["trainer", "manual"])
def test_second_launch_takes_the_run_from_the_store(pipeline: Pipeline, store: RunStore, engine: str) -> None:
    first, steps = made(pipeline, store, engine=engine)
    second, more = made(pipeline, RunStore(store.root), engine=engine)
    assert (steps, more) == (2, 0)
    assert (first.reused, second.reused) == (False, True)
    np.testing.assert_array_equal(first.logits, second.logits)
    assert second.metrics == first.metrics
    assert second.folder == first.folder == entries(store)[0]
    assert second.model_folder.is_dir()


def test_changed_launch_trains_again(pipeline: Pipeline, store: RunStore) -> None:
    made(pipeline, store)
    changes: list[dict[str, Any]] = [
        {"seed": 1},
        {"engine": "trainer"},
        {"pipeline": replace(pipeline, args={**pipeline.args, "learning_rate": 2e-3})},
        {"pipeline": replace(pipeline, train_dataset=pipeline.train_dataset.select(range(5)))},
    ]
    for change in changes:
        run, steps = made(**{"pipeline": pipeline, "store": store, **change})
        assert steps == 2
        assert not run.reused
    assert len(entries(store)) == 1 + len(changes)


@pytest.mark.parametrize("engine", ["trainer", "manual"])
def test_run_that_becomes_nan_is_not_kept(pipeline: Pipeline, store: RunStore, engine: str) -> None:
    def poisoned() -> Any:
        model = pipeline.model_init()
        next(model.parameters()).data.fill_(math.nan)
        return model

    with pytest.raises(CheckFailure, match="nan at optimizer step 1 of 2, at the first step"):
        made(replace(pipeline, model_init=poisoned), store, engine=engine)
    assert entries(store) == []


def test_recipe_that_is_refused_leaves_nothing(pipeline: Pipeline, store: RunStore) -> None:
    with pytest.raises(TaskError, match="Did you mean 'weight_decay'"):
        made(replace(pipeline, args={**pipeline.args, "weight_decy": 0.1}), store)
    assert entries(store) == []


def test_environment_follows_the_settings(pipeline: Pipeline) -> None:
    environment = environment_of(Settings(device="cpu", threads=3, dtype="float16"), pipeline)
    assert (environment["device"], environment["threads"], environment["dtype"]) == ("cpu", "3", "float16")
    assert environment_of(Settings(device="cpu"), pipeline)["threads"] == "1"
    assert environment["torch"] == version("torch")


def test_environment_names_the_kernels(pipeline: Pipeline) -> None:
    fast, slow = (environment_of(SETTINGS, replace(pipeline, fast_cpu=on))["kernels"] for on in (True, False))
    assert slow == "of PyTorch"
    assert fast in ("fast (memory, bernoulli_.float)", "fast (memory, bernoulli_.float, mm, addmm)")


def test_device_that_was_required_must_be_taken(pipeline: Pipeline) -> None:
    with pytest.raises(DeviceError):
        environment_of(Settings(device="cpu", require_device="cuda"), pipeline)


def test_a_launcher_makes_a_run_once_or_fails_once(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def noted(*_: Any, seed: int, **__: Any) -> Any:
        made.append(seed)
        if seed == 1:
            raise CheckFailure([Finding("training.completes", "a run", "it ends", "it does not")])
        if seed == 2:
            raise DeviceError
        return object()

    monkeypatch.setattr("pytest_ftcheck.training.train_or_load.train_or_load", noted)
    session_runs = SessionRuns(SETTINGS, lambda: RunStore(tmp_path))
    first = session_runs.run(pipeline, engine="manual", seed=0)
    assert session_runs.run(replace(pipeline), engine="manual", seed=0) is first
    other = replace(pipeline, data_collator=copy(pipeline.data_collator))
    assert session_runs.run(other, engine="manual", seed=0) is not first
    for seed, error in ((1, CheckFailure), (2, DeviceError)):
        for _ in range(2):
            with pytest.raises(error):
                session_runs.run(pipeline, engine="manual", seed=seed)
    assert made == [0, 0, 1, 2]
    assert session_runs.store is session_runs.store
