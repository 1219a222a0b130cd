"""The saved folder, asked about raw questions in a fresh process, gives the answers of the evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from pytest_ftcheck.checks.catalogue import catalogue, run_check
from pytest_ftcheck.checks.model.question import answers_to
from tests.checks.answer_runs import evidence_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline


def told(found: list[Finding]) -> str:
    return " | ".join(f"{entry.expected}: {entry.observed}" for entry in found)


@pytest.mark.slow
def test_another_model_or_tokenizer_in_the_folder_is_found(
    make_pipeline: Callable[..., Pipeline], tmp_path: Path
) -> None:
    pipeline = make_pipeline("squad", train_rows=16, eval_rows=32)
    tokenizer = pipeline.processing_class
    assert tokenizer is not None
    models = []
    for seed in range(2):
        torch.manual_seed(seed)
        models.append(pipeline.model_init().eval())
    asked = evidence_of(pipeline, {})
    asked.__dict__["trained_model"] = models[0]
    outputs = answers_to(asked, pipeline.data.evaluation, tokenizer)

    def answered() -> list[Finding]:
        return run_check(catalogue()["serving.answers"], evidence_of(pipeline, dict(outputs), folder=tmp_path))

    models[0].save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    assert not answered()
    models[1].save_pretrained(tmp_path / "model")
    found = told(answered())
    assert "the evaluation's answers to 32 raw questions" in found
    assert "the first is question 0: '" in found
    (tmp_path / "model" / "model.safetensors").unlink()
    assert "the saved folder to answer raw questions: fails: OSError" in told(answered())
