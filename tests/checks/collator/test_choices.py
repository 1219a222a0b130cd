"""A collator of multiple choice keeps each choice at its row and place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.checks.catalogue import catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.faults.fault import select_faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}


@pytest.fixture(scope="module")
def parts(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("swag", train_rows=40, eval_rows=40)


def judge(check: str, pipeline: Pipeline) -> list[Finding]:
    no: Any = None
    evidence = Evidence(pipeline, engine="trainer", seed=0, environment=ENVIRONMENT, make_run=no, make_probe=no)
    return run_check(catalogue()[check], evidence)


@pytest.mark.parametrize("name", ["choices_together", "order", "tokens", "mask", "shape", "labels", "lengths_example"])
def test_a_healthy_collator_is_let_through(parts: Pipeline, name: str) -> None:
    assert judge(f"collator.{name}", parts) == []


def test_choices_that_are_reshaped_in_the_wrong_order_are_found(parts: Pipeline) -> None:
    (finding,) = judge("collator.choices_together", select_faults(["choices_flattened_by_place"])[0].plant(parts))
    assert finding.expected == "each choice in its own row and place"
    assert finding.observed.startswith("18 of 20 do not: that of row 0, choice 1 stands at row 1, choice 0")


def test_choices_that_are_left_flat_are_found(parts: Pipeline) -> None:
    def flat(features: list[dict[str, Any]]) -> dict[str, Any]:
        batch = dict(parts.data_collator(features))
        return {name: value.flatten(0, 1) if value.dim() > 1 else value for name, value in batch.items()}

    (finding,) = judge("collator.choices_together", replace(parts, data_collator=flat))
    assert finding.expected == "input_ids [B, C, T] of 5 rows with 4 choices"
    assert finding.observed.startswith("shape (20, ")
