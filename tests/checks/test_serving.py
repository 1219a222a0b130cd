"""The check of the saved model: green as saved, red on each way in which a folder is not what was trained."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tokenizers import normalizers

from pytest_ftcheck.checks.serving import TOLERANCE, precision_of, reloaded_logits
from pytest_ftcheck.runs.environment import describe_environment
from pytest_ftcheck.training.engine import train_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run

    Defect = Callable[[Run], object]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def pipelines(make_pipeline: Callable[..., Pipeline]) -> dict[str, Pipeline]:
    return {task: make_pipeline(task, train_rows=8, eval_rows=70) for task in ("mrpc", "stsb")}


@pytest.fixture(scope="module")
def runs(pipelines: dict[str, Pipeline], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    environment = describe_environment("cpu", "float32", threads=1)
    return {
        task: train_run(
            pipeline, engine="manual", seed=0, environment=environment, folder=tmp_path_factory.mktemp(task)
        )
        for task, pipeline in pipelines.items()
    }


@pytest.fixture
def copied(runs: dict[str, Run], tmp_path: Path) -> Callable[[str], Run]:
    """Copy a run, to be damaged."""

    def copy(task: str) -> Run:
        folder = shutil.copytree(runs[task].folder, tmp_path / task)
        return replace(runs[task], folder=folder)

    return copy


@pytest.mark.parametrize("task", ["mrpc", "stsb"])
def test_folder_as_it_was_saved_is_healthy(pipelines: dict[str, Pipeline], runs: dict[str, Run], task: str) -> None:
    assert reloaded_logits(runs[task], pipelines[task]) == []


def change_config(run: Run, **changes: Any) -> None:
    path = run.model_folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def change_weights(run: Run, change: Callable[[Any], None]) -> None:
    model: Any = run.load_model()
    change(model)
    model.save_pretrained(run.model_folder)


def scale(model: Any) -> None:
    model.classifier.weight.data.mul_(1.05)


def poison(model: Any) -> None:
    model.classifier.bias.data.fill_(float("nan"))


def without_head(run: Run) -> None:
    model: Any = run.load_model()
    model.base_model.save_pretrained(run.model_folder)
    change_config(run, id2label={"0": "not_equivalent", "1": "equivalent"})


def more_words(run: Run) -> None:
    tokenizer = run.load_tokenizer()
    tokenizer.add_tokens(["unheardof"])
    tokenizer.save_pretrained(run.model_folder)


def other_normalizer(run: Run) -> None:
    tokenizer = run.load_tokenizer()
    tokenizer.backend_tokenizer.normalizer = normalizers.Replace("a", "e")
    tokenizer.save_pretrained(run.model_folder)


def truncate(run: Run, name: str) -> None:
    path = run.model_folder / name
    path.write_bytes(path.read_bytes()[:-100])


LABEL_0 = {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}, "label2id": {"LABEL_0": 0, "LABEL_1": 1}}
SWAPPED = {"id2label": {"0": "equivalent", "1": "not_equivalent"}, "label2id": {"equivalent": 0, "not_equivalent": 1}}

DEFECTS: dict[str, tuple[str, Defect, str]] = {
    "other weights": ("mrpc", lambda run: change_weights(run, scale), "logits of the first 64 rows differ by up to "),
    "weights of NaN": (
        "mrpc",
        lambda run: change_weights(run, poison),
        "logits of the first 64 rows differ by up to nan",
    ),
    "head was not saved": ("mrpc", without_head, "logits of the first 64 rows differ by up to "),
    "no label names": (
        "mrpc",
        lambda run: change_config(run, **LABEL_0),
        "id2label is {0: 'LABEL_0', 1: 'LABEL_1'}, not",
    ),
    "label names swapped": ("mrpc", lambda run: change_config(run, **SWAPPED), "id2label is {0: 'equivalent'"),
    "other vocabulary": ("mrpc", more_words, "the saved tokenizer has another vocabulary"),
    "other normalizer": ("mrpc", other_normalizer, "the saved tokenizer makes other tokens of the evaluation texts"),
    "no weights": ("mrpc", lambda run: (run.model_folder / "model.safetensors").unlink(), "it does not load: OSError"),
    "damaged weights": ("mrpc", lambda run: truncate(run, "model.safetensors"), "it does not load: "),
    "damaged configuration": ("mrpc", lambda run: truncate(run, "config.json"), "it does not load: "),
    "damaged tokenizer": ("mrpc", lambda run: truncate(run, "tokenizer.json"), "it does not load: "),
    "no folder": ("mrpc", lambda run: shutil.rmtree(run.model_folder), "it does not load: "),
    "other weights in regression": (
        "stsb",
        lambda run: change_weights(run, scale),
        "logits of the first 64 rows differ",
    ),
    "other head in regression": (
        "stsb",
        lambda run: change_config(run, id2label={"0": "a", "1": "b"}, label2id={"a": 0, "b": 1}),
        "it does not load: ",
    ),
}


@pytest.mark.parametrize(("task", "defect", "observed"), DEFECTS.values(), ids=DEFECTS.keys())
def test_damaged_folder_is_found(
    pipelines: dict[str, Pipeline], copied: Callable[[str], Run], task: str, defect: Defect, observed: str
) -> None:
    run = copied(task)
    defect(run)
    (finding,) = reloaded_logits(run, pipelines[task])
    assert finding.check == "serving.reload"
    assert finding.subject == f"{task} with tiny-bert on bundled, engine manual, saved to {run.model_folder}"
    assert "logits within 0.0001" in finding.expected
    assert finding.observed.startswith(observed)
    assert "best epoch" in finding.hint


def test_logits_of_another_width_are_found(pipelines: dict[str, Pipeline], runs: dict[str, Run]) -> None:
    wide = replace(runs["stsb"], logits=np.repeat(runs["stsb"].logits, 2, axis=1))
    (finding,) = reloaded_logits(wide, pipelines["stsb"])
    assert finding.observed == "logits of shape (64, 1), not (64, 2)"


def test_small_difference_in_one_compared_row_is_found(pipelines: dict[str, Pipeline], runs: dict[str, Run]) -> None:
    run = runs["mrpc"]
    for row, found in ((63, 1), (64, 0)):
        logits = run.logits.copy()
        logits[row, 0] += 1e-3
        assert len(reloaded_logits(replace(run, logits=logits), pipelines["mrpc"])) == found


@pytest.mark.parametrize(
    ("recipe", "dtype", "precision"),
    [
        ({}, "float32", "float32"),
        ({"bf16": True}, "float32", "bfloat16"),
        ({"fp16": True}, "float32", "float16"),
        ({"bf16": False}, "bfloat16", "bfloat16"),
    ],
)
def test_tolerance_follows_the_precision_of_the_run(
    pipelines: dict[str, Pipeline], runs: dict[str, Run], recipe: dict[str, Any], dtype: str, precision: str
) -> None:
    pipeline = replace(pipelines["mrpc"], args=recipe)
    run = replace(runs["mrpc"], environment={"dtype": dtype})
    assert precision_of(pipeline, run) == precision
    assert TOLERANCE[precision] == (1e-4 if precision == "float32" else 5e-2)
