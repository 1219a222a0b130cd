"""What the configuration says of the labels: right, or left over from another task."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from transformers import Trainer

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.faults.fault import select_faults
from pytest_ftcheck.pipeline.card_source import CardSource
from pytest_ftcheck.pipeline.own_parts import TrainerOwnParts
from pytest_ftcheck.pipeline.trainer_changes import ChangedModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}


@pytest.fixture(scope="module", params=["sst2", "stsb"])
def parts(make_pipeline: Callable[..., Pipeline], request: pytest.FixtureRequest) -> Pipeline:
    return make_pipeline(request.param, train_rows=8, eval_rows=8)


def judge(pipeline: Pipeline) -> list[Finding]:
    no: Any = None
    evidence = Evidence(pipeline, engine="trainer", seed=0, environment=ENVIRONMENT, make_run=no, make_probe=no)
    return run_check(catalogue()["model.problem_type"], evidence)


def test_none_and_the_right_one_are_healthy(parts: Pipeline) -> None:
    right = "regression" if parts.card.head == "regression" else "single_label_classification"

    def say(model: Any) -> None:
        model.config.problem_type = right

    assert judge(parts) == judge(replace(parts, model_init=ChangedModel(parts.model_init, say))) == []


def test_one_of_another_task_is_found(parts: Pipeline) -> None:
    (finding,) = judge(select_faults(["problem_type_inherited"])[0].plant(parts))
    assert finding.observed.startswith("problem_type = '")
    assert "model.config.problem_type to None" in finding.hint


def test_a_loss_of_ones_own_does_not_read_it(parts: Pipeline) -> None:
    class Own(Trainer):
        def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
            raise AssertionError(args, kwargs)

    template = Own.__new__(Own)
    template.compute_loss_func = None
    with pytest.raises(NotApplicable, match="a loss of its own"):
        judge(replace(parts, source=CardSource(own=TrainerOwnParts(template))))
