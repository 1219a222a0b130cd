"""A text longer than the model takes: cut by the tokenizer, or found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.faults.fault import select_faults
from pytest_ftcheck.pipeline.trainer_changes import ChangedModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}


@pytest.fixture(scope="module", params=["tiny-bert", "tiny-distilbert"])
def parts(make_pipeline: Callable[..., Pipeline], request: pytest.FixtureRequest) -> Pipeline:
    return make_pipeline("sst2", model=request.param, train_rows=8, eval_rows=8)


def judge(pipeline: Pipeline) -> list[Finding]:
    no: Any = None
    evidence = Evidence(pipeline, engine="trainer", seed=0, environment=ENVIRONMENT, make_run=no, make_probe=no)
    return run_check(catalogue()["serving.long_text"], evidence)


def test_a_tokenizer_that_knows_the_limit_is_healthy(parts: Pipeline) -> None:
    assert judge(parts) == []


def test_a_tokenizer_without_a_limit_is_found(parts: Pipeline) -> None:
    (finding,) = judge(select_faults(["longest_text_unknown"])[0].plant(parts))
    assert "(no model_max_length), and the model raises " in finding.observed


def test_a_model_without_positions_is_not_judged(parts: Pipeline) -> None:
    def relative(model: Any) -> None:
        model.config.max_position_embeddings = -1

    with pytest.raises(NotApplicable, match="names no number of positions"):
        judge(replace(parts, model_init=ChangedModel(parts.model_init, relative)))
