"""`pipeline("fill-mask")` over the saved folder guesses as the evaluation did."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.runs.environment import describe_environment
from pytest_ftcheck.training.train import train_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run

pytestmark = pytest.mark.usefixtures("_served_here")
CPU = describe_environment("cpu", "float32", threads=1)


@pytest.fixture(scope="module")
def parts(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("wikitext", train_rows=32, eval_rows=40)


@pytest.fixture
def run(parts: Pipeline, tmp_path: Path) -> Run:
    return train_run(parts, engine="manual", seed=0, environment=CPU, folder=tmp_path)


def judge(parts: Pipeline, run: Run) -> list[Finding]:
    no: Any = None
    evidence = Evidence(parts, engine="manual", seed=0, environment=CPU, make_run=lambda: run, make_probe=no)
    return run_check(catalogue()["serving.fill_mask"], evidence)


def test_the_saved_folder_guesses_as_the_evaluation(parts: Pipeline, run: Run) -> None:
    assert judge(parts, run) == []


def test_other_weights_are_red(parts: Pipeline, run: Run) -> None:
    path = run.model_folder / "model.safetensors"
    weights = load_file(path)
    generator = torch.Generator().manual_seed(0)
    for name, values in weights.items():
        if values.ndim == 2:
            weights[name] = torch.randn(values.shape, generator=generator)
    save_file(weights, path, metadata={"format": "pt"})
    (found,) = judge(parts, run)
    assert found.level == "fail"
    assert "differ; the first is in row" in found.observed


def test_a_tokenizer_without_its_mask_token_is_red(parts: Pipeline, run: Run) -> None:
    path = run.model_folder / "tokenizer_config.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"mask_token": "[MASK]"', '"mask_token": null'), "utf-8")
    (found,) = judge(parts, run)
    assert found.level == "fail"
    assert found.expected == "answers of pipeline('fill-mask')"


def test_rows_that_are_masked_anew_each_time_are_not_judged(parts: Pipeline, run: Run) -> None:
    bare = replace(parts, eval_dataset=parts.eval_dataset.remove_columns("labels"))
    with pytest.raises(NotApplicable, match="masks its rows anew each time"):
        judge(bare, run)
