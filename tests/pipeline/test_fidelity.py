"""A user's Trainer trains under pytest as it does in a script: the same logits, metrics and weights, bit for bit."""

from __future__ import annotations

import importlib
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState, GradientState
from safetensors.torch import load_file
from transformers import Trainer, TrainingArguments

from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.pipeline.from_trainer import build_trainer_pipeline
from pytest_ftcheck.pipeline.trainer_changes import HELD_BACK
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.training.train import train_run
from pytest_ftcheck.training.train_or_load import environment_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ftcheck.runs.run import Run

# Of the script: torch says so of every DataLoader on a machine without a GPU.
pytestmark = pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true")
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def scripts() -> Any:
    """The user's module, imported once, by its path as a session does."""
    sys.path.insert(0, str(HERE))
    module = importlib.import_module("fidelity_train")
    yield module
    sys.path.remove(str(HERE))


@pytest.fixture
def fresh_accelerate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """As in a process of its own."""
    monkeypatch.chdir(tmp_path)
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    states = torch.get_rng_state()
    yield
    torch.set_rng_state(states)


def judged_run(shape: str, folder: Path, **settings: Any) -> Run:
    asked = Settings(rootdir=HERE, device="cpu", threads=torch.get_num_threads(), **settings)
    pipeline = build_trainer_pipeline("mine", f"fidelity_train.py:{shape}", {}, asked)
    folder.mkdir()
    return train_run(pipeline, engine="trainer", seed=0, environment=environment_of(asked, pipeline), folder=folder)


SHAPES = (
    "plain",
    "own_optimizer",
    "with_model_init",
    "best_at_the_end",
    "accumulated",
    "callbacks_that_draw",
    "own_loss",
    "several_sets",
    "with_workers",
    "by_length",
    "without_metrics",
    "in_half_precision",
    "two_trainers",
)
QUICK = ("plain", "callbacks_that_draw")


def test_all_shapes_are_here(scripts: Any) -> None:
    assert tuple(shape.__name__ for shape in scripts.SHAPES) == SHAPES


@pytest.mark.usefixtures("fresh_accelerate")
@pytest.mark.parametrize(
    "shape", [pytest.param(shape, marks=() if shape in QUICK else pytest.mark.slow) for shape in SHAPES]
)
def test_bare_and_judged_run_are_equal_to_the_last_bit(scripts: Any, shape: str, tmp_path: Path) -> None:
    expected = scripts.bare(getattr(scripts, shape), str(tmp_path / "bare"))
    run = judged_run(shape, tmp_path / "run")
    np.testing.assert_array_equal(run.logits, expected["logits"])
    weights = load_file(run.model_folder / "model.safetensors")
    assert weights.keys() <= expected["weights"].keys()
    assert all(torch.equal(weights[name], expected["weights"][name]) for name in weights)
    prefix = "eval_late_" if shape == "several_sets" else "eval_"
    metrics = {name: run.metrics[name] for name in run.metrics if prefix + name in expected["metrics"]}
    assert metrics == {name: expected["metrics"][prefix + name] for name in metrics}
    assert {"loss"} <= metrics.keys()
    assert [entry["loss"] for entry in run.log_history if "loss" in entry] == [
        entry["loss"] for entry in expected["log"] if "loss" in entry
    ]


def test_metrics_of_sets_that_are_not_judged_are_kept(scripts: Any, tmp_path: Path) -> None:
    assert scripts
    run = judged_run("several_sets", tmp_path / "run")
    assert run.unjudged.keys() == {"hard"}
    assert {"loss", "accuracy"} <= run.unjudged["hard"].keys()


@pytest.mark.usefixtures("fresh_accelerate")
def test_fast_kernels_are_another_run(scripts: Any, tmp_path: Path) -> None:
    expected = scripts.bare(scripts.plain, str(tmp_path / "bare"))
    run = judged_run("plain", tmp_path / "run", fast_cpu=True)
    assert not np.array_equal(run.logits, expected["logits"])
    assert run.environment["kernels"].startswith("fast")


@pytest.mark.usefixtures("fresh_accelerate")
def test_what_a_run_changes_is_what_the_header_names(
    scripts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as offline:  # the script would publish
        offline.setattr("transformers.trainer.get_reporting_integration_callbacks", lambda _: [])
        offline.setattr(Trainer, "init_hf_repo", lambda _: None)
        scripts.bare(scripts.spied, str(tmp_path / "bare"), seed=5)
    AcceleratorState._reset_state(reset_partial_state=True)
    judged_run("spied", tmp_path / "run")
    alone, judged = scripts.SEEN[-2:]
    names = alone.keys() | judged.keys()
    changed = {name.removeprefix("args.") for name in names if alone.get(name) != judged.get(name)}
    of_the_seed = {"torch", "numpy", "python", "first weights"}
    assert of_the_seed < changed
    assert changed - of_the_seed == HELD_BACK.keys() - {"use_cpu"}  # there is no other device


def test_every_argument_about_publishing_is_known() -> None:
    kinds = ("hub", "report", "track", "wandb", "project", "telemetry", "run_name")
    found = {spec.name for spec in fields(TrainingArguments) if any(kind in spec.name for kind in kinds)}
    # All but the first two have an effect only where one of these is set.
    assert found == {"report_to", "push_to_hub"} | {
        "run_name",
        "project",
        "trackio_space_id",
        "trackio_bucket_id",
        "trackio_static_space_id",
        "hub_token",
        "hub_private_repo",
        "hub_model_id",
        "hub_strategy",
        "hub_always_push",
        "hub_revision",
    }


def test_folders_of_a_factory_are_left_as_in_a_script(
    scripts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert scripts
    monkeypatch.chdir(tmp_path)
    judged_run("plain", tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    run = judged_run("writes_into_its_folder", tmp_path / "another")
    assert run.metrics
    assert sorted(path.name for path in tmp_path.iterdir()) == ["another", "labels-out", "run"]
    assert [path.name for path in (tmp_path / "labels-out").iterdir()] == ["labels.txt"]


def test_a_trainer_that_was_made_before_is_refused(scripts: Any, tmp_path: Path) -> None:
    assert scripts
    with pytest.raises(TaskError, match=r"kept returned a Trainer that it did not make in this call"):
        judged_run("kept", tmp_path / "run")
