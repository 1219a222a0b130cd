"""Endings that tell the answer without their context."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.faults.fault import select_faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}


@pytest.fixture(scope="module")
def parts(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("swag", train_rows=300, eval_rows=200)


def judge(pipeline: Pipeline, scored: Callable[..., Evidence], right: float = 0.9) -> list[Finding]:
    """Judge a run that is right in a share of its rows."""
    labels = np.asarray(pipeline.eval_dataset["labels"])
    answers = np.where(np.arange(len(labels)) < right * len(labels), labels, (labels + 1) % 4)
    run = replace(scored(labels, np.eye(4)[answers]).run, head=pipeline.card.head)
    no: Any = None
    made: dict[str, Any] = {"engine": "trainer", "seed": 0, "environment": ENVIRONMENT}
    return run_check(
        catalogue()["metrics.answer_only"], Evidence(pipeline, **made, make_run=lambda: run, make_probe=no)
    )


def test_endings_that_tell_nothing_are_let_through(parts: Pipeline, scored_evidence: Callable[..., Evidence]) -> None:
    assert judge(parts, scored_evidence) == []


def test_endings_that_tell_the_answer_are_found(parts: Pipeline, scored_evidence: Callable[..., Evidence]) -> None:
    (finding,) = judge(select_faults(["endings_give_the_answer"])[0].plant(parts), scored_evidence)
    assert (finding.level, finding.expected) == ("fail", "more than chance (25.0%) only with the context")
    assert (
        finding.observed == "200 of 200 (100.0%) evaluation rows are right by their endings alone, 90.0% by the model"
    )


def test_a_model_at_chance_is_not_compared_with(parts: Pipeline, scored_evidence: Callable[..., Evidence]) -> None:
    with pytest.raises(NotApplicable, match="no better than chance"):
        judge(parts, scored_evidence, right=0.25)
