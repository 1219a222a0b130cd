"""Tokens that the checkpoint does not know: trained, or found."""

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
    return make_pipeline("sst2", model=request.param, train_rows=64, eval_rows=32)


def judge(pipeline: Pipeline) -> list[Finding]:
    no: Any = None
    evidence = Evidence(pipeline, engine="trainer", seed=0, environment=ENVIRONMENT, make_run=no, make_probe=no)
    return run_check(catalogue()["model.new_tokens"], evidence)


def test_a_checkpoint_as_it_is_has_no_new_tokens(parts: Pipeline) -> None:
    frozen = ChangedModel(parts.model_init, lambda model: model.requires_grad_(requires_grad=False))
    assert judge(parts) == judge(replace(parts, model_init=frozen)) == []


def test_new_tokens_above_frozen_embeddings_are_found(parts: Pipeline) -> None:
    planted = select_faults(["new_tokens_frozen"])[0].plant(parts)
    (finding,) = judge(planted)
    assert "the embeddings are frozen, and 64 of 64 (100.0%) train rows contain new tokens: " in finding.observed

    def trained(model: Any) -> None:
        model.get_input_embeddings().requires_grad_(requires_grad=True)

    assert judge(replace(planted, model_init=ChangedModel(planted.model_init, trained))) == []


def test_without_files_of_a_checkpoint_it_is_not_judged(parts: Pipeline) -> None:
    with pytest.raises(NotApplicable, match="no file of the checkpoint"):
        judge(replace(parts, checkpoint=replace(parts.checkpoint, folder=None)))


def test_a_model_that_names_no_embeddings_is_not_judged(parts: Pipeline) -> None:
    def hide(model: Any) -> None:
        def unnamed() -> Any:
            raise NotImplementedError

        model.get_input_embeddings = unnamed

    with pytest.raises(NotApplicable, match="no get_input_embeddings"):
        judge(replace(parts, model_init=ChangedModel(parts.model_init, hide)))
