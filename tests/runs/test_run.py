"""A run: what is written comes back, and the saved model loads the way that users load it."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from pytest_ftcheck.runs.environment import describe_environment
from pytest_ftcheck.runs.run import Run
from pytest_ftcheck.runs.trace import Trace
from pytest_ftcheck.training.train import train_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ftcheck.pipeline.parts import Pipeline

PAIR = {"text": "the dog sleeps in the garden", "text_pair": "a dog is asleep outside"}


@pytest.fixture(scope="module", params=["trainer", "manual"])
def trained(
    request: pytest.FixtureRequest, make_pipeline: Callable[..., Pipeline], tmp_path_factory: pytest.TempPathFactory
) -> Run:
    pipeline = make_pipeline("mrpc", train_rows=8, eval_rows=4, per_device_train_batch_size=4, num_train_epochs=2)
    environment = describe_environment("cpu", "float32", threads=1)
    folder = tmp_path_factory.mktemp("run")
    return train_run(pipeline, engine=request.param, seed=2, environment=environment, folder=folder)


@pytest.fixture
def made_up(tmp_path: Path) -> Run:
    return Run(
        task="stsb",
        engine="manual",
        seed=1,
        head="regression",
        checkpoint="größe",
        metrics={"pearson": math.nan, "loss": 0.25},
        epochs=({"epoch": 1.0, "loss": 0.5}, {"epoch": 2.0, "loss": math.inf}),
        best_epoch=1,
        step_losses=(0.5, 0.1 + 0.2),
        log_history=({"step": 1, "loss": 0.5},),
        logits=np.array([[0.1], [np.nan]], np.float32),
        label_ids=np.array([0.1, 2.5], np.float32),
        train_rows=4,
        timings={"train": 1.5},
        environment={"device": "cpu"},
        trace=Trace(),
        folder=tmp_path,
    )


def same(first: Any, second: Any) -> bool:
    """Compare where NaN is equal to NaN."""
    if isinstance(first, np.ndarray):
        return bool(first.dtype == second.dtype and np.array_equal(first, second, equal_nan=True))
    return repr(first) == repr(second)


def assert_comes_back(run: Run) -> None:
    back = Run.read(run.folder, reused=True)
    assert back.reused
    different = [
        field.name
        for field in fields(Run)
        if field.name != "reused" and not same(getattr(run, field.name), getattr(back, field.name))
    ]
    assert different == []


def test_what_is_written_comes_back(made_up: Run) -> None:
    made_up.write()
    assert_comes_back(made_up)


def test_what_an_engine_wrote_comes_back(trained: Run) -> None:
    assert_comes_back(trained)


def test_folder_may_be_moved(made_up: Run, tmp_path: Path) -> None:
    made_up.write()
    assert str(tmp_path) not in (tmp_path / "run.json").read_text(encoding="utf-8")


def test_predictions_are_read_without_pickle(made_up: Run) -> None:
    made_up.write()
    with np.load(made_up.folder / "predictions.npz", allow_pickle=False) as arrays:
        assert set(arrays) == {"logits", "labels"}


def test_pickled_predictions_are_refused(made_up: Run) -> None:
    made_up.write()
    np.savez(made_up.folder / "predictions.npz", logits=np.array([{}], object), labels=made_up.label_ids)
    with pytest.raises(ValueError, match="allow_pickle"):
        Run.read(made_up.folder, reused=True)


@pytest.mark.parametrize(
    ("damage", "error"),
    [({"surprise": 1}, TypeError), ({"task": ...}, TypeError), ({"epochs": ...}, KeyError)],
    ids=["unknown field", "lost field", "lost list"],
)
def test_record_with_other_fields_is_refused(made_up: Run, damage: dict[str, Any], error: type[Exception]) -> None:
    made_up.write()
    path = made_up.folder / "run.json"
    record = {**json.loads(path.read_text(encoding="utf-8")), **damage}
    path.write_text(json.dumps({k: v for k, v in record.items() if v is not ...}), encoding="utf-8")
    with pytest.raises(error):
        Run.read(made_up.folder, reused=True)


def test_predictions_are_classes_or_values(made_up: Run) -> None:
    logits = np.array([[0.1, 0.9, 0.3], [2.0, -1.0, 0.0]], np.float32)
    classes = replace(made_up, head="sequence-classification").with_outputs(logits=logits).predictions
    assert classes.tolist() == [1, 0]
    assert classes.dtype == np.int64
    values = made_up.with_outputs(logits=np.array([[1.5], [-2.0]], np.float32)).predictions
    assert values.tolist() == [1.5, -2.0]


def test_model_loads_in_evaluation_mode_with_the_names_of_the_card(trained: Run) -> None:
    model = trained.load_model()
    assert not model.training
    assert model.config.id2label == {0: "not_equivalent", 1: "equivalent"}
    assert model.config.label2id == {"not_equivalent": 0, "equivalent": 1}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert trained.load_model() is not model


def test_model_loads_in_the_dtype_of_the_run(trained: Run) -> None:
    half = replace(trained, environment={**trained.environment, "dtype": "bfloat16"})
    assert {parameter.dtype for parameter in half.load_model().parameters()} == {torch.bfloat16}


def test_model_loads_with_from_pretrained_and_pipeline(trained: Run) -> None:
    from transformers import AutoModelForSequenceClassification, pipeline

    model = AutoModelForSequenceClassification.from_pretrained(trained.model_folder, dtype=torch.float32)
    expected = trained.load_model().state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in model.state_dict().items())
    classify: Any = pipeline("text-classification", model=str(trained.model_folder), device="cpu")
    (answer,) = classify([PAIR], top_k=None)
    assert {entry["label"] for entry in answer} == {"not_equivalent", "equivalent"}
    with torch.no_grad():
        logits = model(**trained.load_tokenizer()(*PAIR.values(), return_tensors="pt")).logits[0]
    scores = dict(zip(["not_equivalent", "equivalent"], logits.softmax(-1).tolist(), strict=True))
    assert {entry["label"]: entry["score"] for entry in answer} == pytest.approx(scores, abs=1e-5)


def test_tokenizer_is_saved_beside_the_model(trained: Run, make_pipeline: Callable[..., Pipeline]) -> None:
    original = make_pipeline("mrpc", train_rows=4, eval_rows=4).processing_class
    assert original is not None
    assert trained.load_tokenizer()(*PAIR.values()) == original(*PAIR.values())


def test_saved_weights_are_no_pickle(trained: Run) -> None:
    names = {path.name for path in trained.model_folder.iterdir()}
    assert "model.safetensors" in names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl"))]
